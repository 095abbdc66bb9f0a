"""The arguments of an operator, as PyTorch's profiler recorded them with shapes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

_ONE_BYTE = ("signed char", "unsigned char", "bool")
_EIGHT_BITS = ("Float8_e4m3fn", "Float8_e4m3fnuz", "Float8_e5m2", "Float8_e5m2fnuz")
_TYPE_BYTES = {
    **dict.fromkeys((*_ONE_BYTE, *(f"c10::{name}" for name in _EIGHT_BITS)), 1),
    **dict.fromkeys(("short int", "short", "c10::BFloat16", "c10::Half"), 2),
    **dict.fromkeys(("int", "float"), 4),
    **dict.fromkeys(("long int", "long", "double", "c10::complex<float>"), 8),
    "c10::complex<double>": 16,
}


@dataclass(frozen=True)
class Operand:
    """One tensor. ``stored`` is the number of its elements in memory: less than the product of
    ``shape`` if it is expanded, and unknown if it is ``sparse``."""

    shape: tuple[int, ...]
    item_bytes: int
    stored: int
    sparse: bool = False

    @property
    def elements(self) -> int:
        """Elements that an operator sees."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Bytes in memory."""
        return self.stored * self.item_bytes


@dataclass(frozen=True)
class Flags:
    """A list of booleans."""

    values: tuple[bool, ...]


Argument = Operand | tuple[Operand, ...] | Flags | float | None
"""A tensor, a list of tensors, a list of booleans, a number, or anything else."""


def operand(shape: Sequence[int], item_bytes: int, strides: Sequence[int] = ()) -> Operand:
    """A tensor of ``shape``; every element is stored if ``strides`` are unknown."""
    stored = math.prod(
        size for place, size in enumerate(shape) if place >= len(strides) or strides[place]
    )
    return Operand(tuple(shape), item_bytes, stored)


def recorded_arguments(inputs: Iterable[Any]) -> tuple[Argument, ...]:
    """The arguments of one operator from the profiler's event tree (``extra_fields.inputs``)."""
    return tuple(_recorded(value) for value in inputs)


def _recorded(value: Any) -> Argument:
    if isinstance(value, list):
        return tuple(_tensor(each) for each in value)
    if hasattr(value, "sizes"):
        return _tensor(value)
    return value if isinstance(value, int | float) else None


def _tensor(value: Any) -> Operand:
    import torch  # here, where tensors are at hand; the formulas are read without it

    item_bytes = torch.empty((), dtype=value.dtype).element_size()
    found = operand(value.sizes, item_bytes, value.strides)
    return found if value.layout == torch.strided else replace(found, sparse=True)


def listed_arguments(
    shapes: Sequence[Sequence[int]],
    types: Sequence[str],
    strides: Sequence[Sequence[int]] | None = None,
    values: Sequence[float | Flags | None] | None = None,
) -> tuple[Argument, ...] | None:
    """The arguments from the lists of a profiler's event: a shape and a type's name (``float``)
    each, an empty shape and another name for other arguments; with ``strides`` if they are known,
    which a sparse tensor lacks, and ``values`` of numbers. None if there is a list of tensors,
    which such an event does not describe, or a tensor of a type of unknown size."""
    if any(kind in ("TensorList", "GenericList") for kind in types):
        return None
    found: list[Argument] = []
    for place, (shape, kind) in enumerate(zip(shapes, types, strict=False)):
        if kind in _TYPE_BYTES:
            steps = strides[place] if strides is not None else ()
            tensor = operand(shape, _TYPE_BYTES[kind], steps)
            is_sparse = strides is not None and len(steps) != len(shape)
            found.append(replace(tensor, sparse=True) if is_sparse else tensor)
        elif shape:
            return None
        else:
            found.append(values[place] if values is not None else None)
    return tuple(found)


def tensors_in(arguments: Iterable[Argument]) -> Iterator[Operand]:
    """Yields the tensors among ``arguments``, those in lists too."""
    for argument in arguments:
        if isinstance(argument, Operand):
            yield argument
        elif isinstance(argument, tuple):
            yield from argument


def shapes_text(arguments: Iterable[Argument]) -> str:
    """Shapes for a table of operators: ``2x3 [2x3 2x5]``, without numbers and tensors of one
    number."""
    words = []
    for argument in arguments:
        if isinstance(argument, tuple):
            words.append(f"[{' '.join(_shape_text(each) for each in argument)}]")
        elif isinstance(argument, Operand) and argument.shape:
            words.append(_shape_text(argument))
    return " ".join(words)


def _shape_text(tensor: Operand) -> str:
    return "x".join(map(str, tensor.shape)) or "1"
