"""The arguments of an operator, as far as its event in a Chrome trace has them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from profiles.traces.trace_events import Arguments
from profiles.work.operands import Flags
from rmixer.errors import InputError

_MOST_ELEMENTS = 1 << 50
_WORDS = {"True": True, "False": False}
_LONGEST_NUMBER = 24


Wrong = Callable[[str, Any, str], InputError]
"""Makes the error from a key of the event, a found value and the allowed ones."""


def recorded_arguments(given: dict[str, Any], wrong: Wrong) -> Arguments:
    """Returns the arguments of the operator with ``args`` as ``given``, if the trace has shapes and
    types. Raises :class:`InputError` if they are invalid."""
    shapes = given.get("Input Dims", given.get("Input dims"))
    types = given.get("Input type")
    if shapes is None or types is None:
        return Arguments()
    if not isinstance(shapes, list) or not isinstance(types, list) or len(shapes) != len(types):
        raise wrong(".args.Input Dims", shapes, "a list as long as Input type")
    strides: Any = given.get("Input Strides")
    values: Any = given.get("Concrete Inputs")
    return Arguments(
        tuple(_shapes(shape, wrong) for shape in shapes),
        tuple(map(str, types)),
        tuple(map(_strides, strides)) if _is_list(strides, len(shapes)) else None,
        tuple(map(_value, values)) if _is_list(values, len(shapes)) else None,
    )


def _is_list(found: Any, count: int) -> bool:
    return isinstance(found, list) and len(found) == count


def _strides(found: Any) -> tuple[int, ...]:
    """Returns a tensor's strides; no numbers for a list of tensors."""
    return tuple(s for s in found if isinstance(s, int)) if isinstance(found, list) else ()


def _value(text: Any) -> float | Flags | None:
    """A number, or a list of booleans, from its text; None for anything else."""
    if not isinstance(text, str):
        return None
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


def _shapes(shape: Any, wrong: Wrong) -> tuple[Any, ...]:
    """A shape, or the shapes of a list of tensors."""
    if isinstance(shape, list) and shape and isinstance(shape[0], list):
        return tuple(_shape(each, wrong) for each in shape)
    return _shape(shape, wrong)


def _shape(shape: Any, wrong: Wrong) -> tuple[int, ...]:
    key = ".args.Input Dims"
    if not isinstance(shape, list):
        raise wrong(key, shape, "a list of whole numbers")
    for size in shape:
        if isinstance(size, bool) or not isinstance(size, int) or size < 0:
            raise wrong(key, size, "whole numbers >= 0")
    if math.prod(max(1, size) for size in shape) > _MOST_ELEMENTS:
        raise wrong(key, shape, "a tensor of up to 2^50 elements")
    return tuple(shape)
