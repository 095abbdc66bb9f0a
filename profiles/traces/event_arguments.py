"""The arguments of an operator, as far as its event in a Chrome trace has them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from profiles.work.operands import Flags
from rmixer.errors import InputError
from rmixer.files.typed_files import shown

_MOST_ELEMENTS = 1 << 50
_WORDS = {"True": True, "False": False}
_LONGEST_NUMBER = 24


@dataclass(frozen=True)
class Arguments:
    """One entry for every argument (None: not recorded): a shape (or the shapes of a list of
    tensors), a type's name, a tensor's strides, a number's value."""

    shapes: tuple[Any, ...] | None = None
    types: tuple[str, ...] | None = None
    strides: tuple[tuple[int, ...], ...] | None = None
    values: tuple[float | Flags | None, ...] | None = None


def recorded_arguments(path: Path, where: str, given: dict[str, Any]) -> Arguments:
    """The arguments of the operator whose ``args`` are at ``where``, if the trace has shapes and
    types; raises :class:`InputError` if they are invalid."""
    shapes = given.get("Input Dims", given.get("Input dims"))
    types = given.get("Input type")
    if shapes is None or types is None:
        return Arguments()
    if not isinstance(shapes, list) or not isinstance(types, list) or len(shapes) != len(types):
        raise InputError(path, f"{where}.Input Dims", shown(shapes), "a list as long as Input type")
    return Arguments(
        tuple(_shapes(path, where, shape) for shape in shapes),
        tuple(map(str, types)),
        _strides(given.get("Input Strides"), len(shapes)),
        _values(given.get("Concrete Inputs"), len(shapes)),
    )


def _strides(found: Any, count: int) -> tuple[tuple[int, ...], ...] | None:
    """The strides; None if there are none. Those of a list of tensors are left out."""
    if not isinstance(found, list) or len(found) != count:
        return None
    return tuple(
        tuple(step for step in each if isinstance(step, int)) if isinstance(each, list) else ()
        for each in found
    )


def _values(found: Any, count: int) -> tuple[float | Flags | None, ...] | None:
    if not isinstance(found, list) or len(found) != count:
        return None
    return tuple(_value(each) if isinstance(each, str) else None for each in found)


def _value(text: str) -> float | Flags | None:
    """A number, or a list of booleans, from its text; None for anything else."""
    if text in _WORDS:
        return _WORDS[text]
    words = text.removeprefix("[").removesuffix("]").split(", ")
    if text.startswith("[") and all(word in _WORDS for word in words):
        return Flags(tuple(_WORDS[word] for word in words))
    try:
        value = float(text) if len(text) <= _LONGEST_NUMBER else math.nan
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() else value


def _shapes(path: Path, where: str, shape: Any) -> tuple[Any, ...]:
    """A shape, or the shapes of a list of tensors."""
    if isinstance(shape, list) and shape and isinstance(shape[0], list):
        return tuple(_shape(path, where, each) for each in shape)
    return _shape(path, where, shape)


def _shape(path: Path, where: str, shape: Any) -> tuple[int, ...]:
    key = f"{where}.Input Dims"
    if not isinstance(shape, list):
        raise InputError(path, key, shown(shape), "a list of whole numbers")
    for size in shape:
        if isinstance(size, bool) or not isinstance(size, int) or size < 0:
            raise InputError(path, key, shown(size), "whole numbers >= 0")
    if math.prod(max(1, size) for size in shape) > _MOST_ELEMENTS:
        raise InputError(path, key, shown(shape), "a tensor of up to 2^50 elements")
    return tuple(shape)
