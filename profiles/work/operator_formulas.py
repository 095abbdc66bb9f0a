"""FLOPs and bytes of an operator from the shapes of its arguments.

A product of [m, k] and [k, n] is 2mkn FLOPs; any elementwise operator is one FLOP an element. Bytes
are counted once per tensor touched, as if no cache held them, so they are the operator's demand,
not memory traffic. A look-up or a row update counts the rows that it touches, not the table; an
expanded tensor counts its stored elements.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from profiles.work.matrix_products import (
    CONVOLUTIONS,
    PRODUCTS,
    RECURRENT,
    attention_flops,
    convolution_flops,
    is_attention,
    product_size,
    recurrent_flops,
)
from profiles.work.operands import Argument, Operand, tensors_in
from profiles.work.operator_names import (
    COMPARISONS,
    CREATIONS,
    ELEMENTWISE,
    MOVES,
    OPTIMIZERS,
    RANDOM,
    REDUCTIONS,
    VIEWS,
)
from profiles.work.row_operators import ROW_OPERATORS, row_amounts


@dataclass(frozen=True)
class OperatorWork:
    """The work of one call of an operator; None means that a trace does not say."""

    flops: int | None
    read_bytes: int | None
    written_bytes: int | None

    def __add__(self, other: OperatorWork) -> OperatorWork:
        return OperatorWork(
            known_sum((self.flops, other.flops)),
            known_sum((self.read_bytes, other.read_bytes)),
            known_sum((self.written_bytes, other.written_bytes)),
        )


NOTHING, UNKNOWN = OperatorWork(0, 0, 0), OperatorWork(None, None, None)


def known_sum(values: Iterable[int | None]) -> int | None:
    """The sum, None if one of ``values`` is unknown."""
    total = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total


def operator_work(
    name: str, arguments: Sequence[Argument], result_bytes: int | None = None
) -> OperatorWork | None:
    """The work of operator ``name`` (``aten::mm``) on ``arguments``; None if there is no formula
    for it.

    ``result_bytes`` is the memory taken for its result: 0 in place, or if the last argument is the
    tensor to write to. If it is unknown (None), the result of a reduction, a sort or a creation is
    not counted.
    """
    plain = name.removeprefix("aten::")
    if plain.startswith("__"):
        plain = f"bitwise_{plain.strip('_')}"  # a & b
    in_place = plain.endswith("_")
    kind = plain.removesuffix("_").removeprefix("_foreach_")
    if kind in VIEWS:
        return NOTHING
    tensors = list(tensors_in(arguments))
    if plain in OPTIMIZERS:
        return _optimizer(plain, arguments)
    if plain in PRODUCTS:
        return _product(plain, tensors)
    if is_attention(plain):
        written = result_bytes if result_bytes is not None else tensors[0].bytes
        return OperatorWork(attention_flops(plain, tensors), _bytes(tensors), written)
    if plain in CONVOLUTIONS:
        found = convolution_flops(plain, arguments, result_bytes)
        return None if found is None else OperatorWork(found, _bytes(tensors), result_bytes or 0)
    if plain in RECURRENT:
        return OperatorWork(recurrent_flops(plain, tensors), _bytes(tensors), result_bytes or 0)
    if kind in ROW_OPERATORS:
        amounts = row_amounts(kind, arguments, in_place, result_bytes)
        return OperatorWork(*amounts) if amounts else None
    if kind in CREATIONS:
        return OperatorWork(0, 0, result_bytes or 0)
    if not tensors:
        return None
    if kind in ("zero", "fill") or (kind in RANDOM and in_place):
        return OperatorWork(0, 0, _size(tensors[:1]))
    if kind == "copy":
        return OperatorWork(0, _bytes(tensors[1:]), _size(tensors[:1]))
    if kind in ELEMENTWISE or kind in REDUCTIONS or kind in MOVES:
        return _pass(kind, arguments, in_place, result_bytes)
    return None


def _pass(
    kind: str, arguments: Sequence[Argument], in_place: bool, result_bytes: int | None
) -> OperatorWork:
    """The work of one pass over all arguments."""
    read = list(tensors_in(arguments))
    target = list(tensors_in(arguments[:1])) if in_place else []
    if not in_place and result_bytes == 0 and len(read) > 1 and isinstance(arguments[-1], Operand):
        target = [read.pop()]
    if target:
        written = _size(target)
    elif result_bytes is not None:
        written = result_bytes
    else:
        item_bytes = _item_bytes(kind, read) if kind in ELEMENTWISE else 0
        written = _result_elements(arguments) * item_bytes
    if kind in ELEMENTWISE:
        flops = ELEMENTWISE[kind] * _result_elements(arguments)
    else:
        flops = REDUCTIONS.get(kind, 0) * _largest(arguments)
    return OperatorWork(flops, _bytes(read), written)


def _item_bytes(kind: str, read: Sequence[Operand]) -> int:
    """The element size of the result of an elementwise operator, if its tensors are of one type, or
    numbers."""
    if kind in COMPARISONS:
        return 1
    return read[1 if kind == "where" and len(read) > 1 else 0].item_bytes


def _result_elements(arguments: Sequence[Argument]) -> int:
    """The elements of the result of tensors that are broadcast to one shape; a list has one result
    for each of its tensors."""
    if arguments and isinstance(arguments[0], tuple):
        return sum(tensor.elements for tensor in arguments[0])
    sizes: list[int] = []
    for tensor in tensors_in(arguments):
        for place, size in enumerate(reversed(tensor.shape)):
            if place == len(sizes):
                sizes.append(size)
            elif sizes[place] == 1:
                sizes[place] = size
    return math.prod(sizes)


def _largest(arguments: Sequence[Argument]) -> int:
    if arguments and isinstance(arguments[0], tuple):
        return sum(tensor.elements for tensor in arguments[0])
    return max(tensor.elements for tensor in tensors_in(arguments))


def _product(name: str, tensors: Sequence[Operand]) -> OperatorWork | None:
    found = product_size(name, tensors)
    if found is None:
        return None
    flops, elements = found
    takes = 3 if name.startswith(("add", "badd", "linear")) else 2  # any other is written to
    return OperatorWork(flops, _bytes(tensors[:takes]), elements * tensors[0].item_bytes)


def _optimizer(name: str, arguments: Sequence[Argument]) -> OperatorWork | None:
    """The work of a fused optimizer: it reads lists of parameters, gradients and state, and writes
    all but the gradients. Counts of steps, a number each, are left out."""
    lists = [argument for argument in arguments if isinstance(argument, tuple)]
    if len(lists) < 2:
        return None
    parameters, gradients, *state = lists
    moments = (each for each in state if any(tensor.shape for tensor in each))
    written = _bytes(parameters) + sum(map(_bytes, moments))
    flops = OPTIMIZERS[name] * sum(tensor.elements for tensor in parameters)
    return OperatorWork(flops, written + _bytes(gradients), written)


def _bytes(tensors: Sequence[Operand]) -> int:
    """Bytes in memory."""
    return sum(tensor.bytes for tensor in tensors)


def _size(tensors: Sequence[Operand]) -> int:
    """Bytes of all elements."""
    return sum(tensor.elements * tensor.item_bytes for tensor in tensors)
