"""Shapes and work of an operator, as far as a trace has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from profiles.traces.counted_work import Kernel, kernels
from profiles.traces.event_tree import Node
from profiles.traces.host_calls import is_operator
from profiles.work.matrix_products import CONVOLUTIONS, RECURRENT
from profiles.work.operands import Argument, listed_arguments, operand, shapes_text, tensors_in
from profiles.work.operator_formulas import NOTHING, UNKNOWN, OperatorWork, operator_work
from profiles.work.operator_names import (
    COMPARISONS,
    CREATIONS,
    ELEMENTWISE,
    MOVES,
    REDUCTIONS,
)
from profiles.work.row_operators import TABLE_GRADIENTS

_RESULT_UNKNOWN = frozenset(
    (*CREATIONS, *MOVES, *REDUCTIONS, *CONVOLUTIONS, *RECURRENT, *TABLE_GRADIENTS, "where")
)
"""Operators whose result's size does not follow from their arguments' shapes and types."""


def recorded_shapes(node: Node) -> str:
    """The shapes of the arguments in words, as far as the trace has them."""
    return shapes_text(tuple(map(_sized, node.event.arguments.shapes or ())))


def _sized(shape: Any) -> Argument:
    """A tensor or a list of tensors of which only the shape is known."""
    if shape and isinstance(shape[0], tuple):
        return tuple(operand(each, 0) for each in shape)
    return operand(shape, 0)


def recorded_work(node: Node) -> OperatorWork:
    """The work of the operator at ``node``, by its formula or, without one, by those of the
    operators that it called. It is unknown without shapes, and a trace lacks the types in a list of
    tensors."""
    return sum((kernel.work or UNKNOWN for kernel in _kernels(node)), NOTHING)


def _kernels(node: Node) -> list[Kernel]:
    event, given = node.event, node.event.arguments
    if given.shapes is None or given.types is None:
        return [Kernel(event.name, None)]
    arguments = listed_arguments(given.shapes, given.types, given.strides, given.values)
    called = [kernel for each in _called(node.children) for kernel in _kernels(each)]
    return kernels(event.name, called, lambda: _by_formula(event.name, arguments))


def _by_formula(name: str, arguments: Sequence[Argument] | None) -> OperatorWork | None:
    """The work by the formula; None also if the formula does not fit the arguments: a library's own
    operator of this name, or one of another version of torch."""
    if arguments is None or any(tensor.sparse for tensor in tensors_in(arguments)):
        return None  # how much of a sparse tensor there is its shape does not tell
    try:
        work = operator_work(name, arguments)
    except (IndexError, TypeError, ValueError, AttributeError, ZeroDivisionError):
        return None
    kind = name.removeprefix("aten::").removesuffix("_").removeprefix("_foreach_")
    unknown = kind in _RESULT_UNKNOWN or _is_of_mixed(kind, arguments)
    return replace(work, written_bytes=None) if work and unknown and name[-1] != "_" else work


def _is_of_mixed(kind: str, arguments: Sequence[Argument]) -> bool:
    """True if an elementwise operator's tensors are of several types, one of which is converted by
    its own rules; numbers do not count."""
    if kind not in ELEMENTWISE or kind in COMPARISONS:
        return False
    return len({tensor.item_bytes for tensor in tensors_in(arguments) if tensor.shape}) > 1


def _called(nodes: Iterable[Node]) -> list[Node]:
    """The operators that are called directly, in order."""
    found: list[Node] = []
    for node in nodes:
        found += [node] if is_operator(node.event) else _called(node.children)
    return found
