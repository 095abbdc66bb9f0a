"""Shapes and work of an operator, as far as a trace has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from profiles.traces.counted_work import INCIDENTAL, MADE_OF_OTHERS
from profiles.traces.event_tree import Node
from profiles.traces.host_calls import is_operator
from profiles.work.matrix_products import CONVOLUTIONS, RECURRENT
from profiles.work.native_kernels import has_own_kernel
from profiles.work.operands import Argument, listed_arguments, operand, shapes_text, tensors_in
from profiles.work.operator_formulas import OperatorWork, operator_work
from profiles.work.operator_names import (
    COMPARISONS,
    CREATIONS,
    ELEMENTWISE,
    MADE_OF_COPIES,
    MOVES,
    REDUCTIONS,
    VIEWS,
)
from profiles.work.row_operators import TABLE_GRADIENTS

_RESULT_UNKNOWN = frozenset(
    (*CREATIONS, *MOVES, *REDUCTIONS, *CONVOLUTIONS, *RECURRENT, *TABLE_GRADIENTS, "where")
)
"""Operators whose result's size does not follow from their arguments' shapes and types."""
_NOTHING_BUT_CALLS = frozenset((*MADE_OF_COPIES, *VIEWS))


@dataclass(frozen=True)
class KnownWork:
    """The work of one call of an operator; None means that the trace does not say."""

    flops: int | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None

    @property
    def is_whole(self) -> bool:
        """True if all of it is known."""
        return None not in (self.flops, self.read_bytes, self.written_bytes)


_NOTHING = KnownWork(0, 0, 0)


def recorded_shapes(node: Node) -> str:
    """The shapes of the arguments in words, as far as the trace has them."""
    return shapes_text(tuple(map(_sized, node.event.shapes or ())))


def _sized(shape: Any) -> Argument:
    """A tensor or a list of tensors of which only the shape is known."""
    if shape and isinstance(shape[0], tuple):
        return tuple(operand(each, 0) for each in shape)
    return operand(shape, 0)


def recorded_work(node: Node) -> KnownWork:
    """The work of the operator at ``node``, by its formula or, without one, by those of the
    operators that it called. It is unknown without shapes, and a trace lacks the types in a list of
    tensors."""
    event = node.event
    if event.shapes is None or event.types is None:
        return KnownWork()
    arguments = listed_arguments(event.shapes, event.types, event.strides, event.values)
    name = event.name.removeprefix("aten::")
    kind = name.removesuffix("_").removeprefix("_foreach_")
    called = _called(node.children)
    together = _together(called)
    if kind in _NOTHING_BUT_CALLS:
        return together
    if event.name in MADE_OF_OTHERS and called and together.is_whole:
        return together
    if arguments is None or any(tensor.sparse for tensor in tensors_in(arguments)):
        work = None  # how much of a sparse tensor there is its shape does not tell
    else:
        work = _by_formula(event.name, arguments)
    if work is None:
        calls = any(child.event.name not in INCIDENTAL for child in called)
        is_known = calls and together != _NOTHING and not has_own_kernel(event.name)
        return together if is_known else KnownWork()
    told = name.endswith("_") or not (
        kind in _RESULT_UNKNOWN or _is_of_mixed(kind, arguments or ())
    )
    return KnownWork(work.flops, work.read_bytes, work.written_bytes if told else None)


def _is_of_mixed(kind: str, arguments: Sequence[Argument]) -> bool:
    """True if an elementwise operator's tensors are of several types, one of which is converted by
    its own rules; numbers do not count."""
    if kind not in ELEMENTWISE or kind in COMPARISONS:
        return False
    return len({tensor.item_bytes for tensor in tensors_in(arguments) if tensor.shape}) > 1


def _by_formula(name: str, arguments: Sequence[Argument]) -> OperatorWork | None:
    """The work by the formula; None also if the formula does not fit the arguments: a library's own
    operator of this name, or one of another version of torch."""
    try:
        return operator_work(name, arguments)
    except (IndexError, TypeError, ValueError, AttributeError, ZeroDivisionError):
        return None


def _called(nodes: Iterable[Node]) -> list[Node]:
    """The operators that are called directly, in order."""
    found: list[Node] = []
    for node in nodes:
        found += [node] if is_operator(node.event) else _called(node.children)
    return found


def _together(nodes: Iterable[Node]) -> KnownWork:
    works = [recorded_work(node) for node in nodes]
    return KnownWork(
        known_sum(work.flops for work in works),
        known_sum(work.read_bytes for work in works),
        known_sum(work.written_bytes for work in works),
    )


def known_sum(values: Iterable[int | None]) -> int | None:
    """The sum, None if one of ``values`` is unknown."""
    total = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total
