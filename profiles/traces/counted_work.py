"""The work of each operator of a step, counted from its actual calls.

An operator without a formula counts as the sum of the operators that it calls, unless it has a
kernel of its own: ``aten::softmax`` is ``aten::_softmax``. The profiler's tree of events has that
nesting, the shapes of lists of tensors, and the memory of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from profiles.traces.profiler_events import INPUT_MARK, Called
from profiles.work.native_kernels import has_own_kernel
from profiles.work.operands import recorded_arguments, shapes_text, tensors_in
from profiles.work.operator_formulas import NOTHING, OperatorWork, operator_work
from profiles.work.operator_names import MADE_OF_COPIES, VIEWS
from rmixer.errors import RunFailed

MADE_OF_OTHERS = frozenset(
    f"aten::{name}" for name in ("linear", "matmul", "mv", "embedding", "embedding_bag")
)
"""These have a formula as well, in case the operators that they call are unknown."""
_NOTHING_BUT_CALLS = frozenset(f"aten::{name}" for name in (*MADE_OF_COPIES, *VIEWS))
INCIDENTAL = ("aten::copy_", "aten::fill_", "aten::zero_", "aten::arange")
"""Operators that others call besides their own work."""


@dataclass(frozen=True)
class Kernel:
    """An operator that was counted separately; ``work`` is None if there is no formula."""

    name: str
    work: OperatorWork | None


@dataclass(frozen=True)
class CountedOperator:
    """An outermost operator, the shapes of its arguments, and its kernels."""

    name: str
    shapes: str
    kernels: tuple[Kernel, ...]

    @property
    def work(self) -> OperatorWork | None:
        """The work of all kernels together; None if one of them has no formula."""
        total = NOTHING
        for kernel in self.kernels:
            if kernel.work is None:
                return None
            total += kernel.work
        return total


def count_work(calls: Sequence[Called], tree: Iterable[Any]) -> None:
    """Gives each of ``calls`` its operands and work from the event tree of the same profile."""
    counted = counted_operators(tree)
    if [call.name for call in calls] != [found.name for found in counted]:
        raise RunFailed("the profiler's events and their tree name different operators")
    for call, found in zip(calls, counted, strict=True):
        call.operands, call.work = found.shapes, found.work


def counted_operators(tree: Iterable[Any]) -> list[CountedOperator]:
    """The outermost operators of a profile's event tree (taken with shapes and memory), in order;
    those of the input phase are one."""
    found = sorted(_outermost(tree), key=lambda event: int(event.start_time_ns))
    return [
        CountedOperator(event.name, "", ())
        if event.name == INPUT_MARK
        else CountedOperator(
            event.name,
            shapes_text(recorded_arguments(event.extra_fields.inputs)),
            tuple(_kernels(event)),
        )
        for event in found
    ]


def _outermost(events: Iterable[Any]) -> Iterator[Any]:
    for event in events:
        if event.name == INPUT_MARK or event.name.startswith("aten::"):
            yield event
        else:
            yield from _outermost(event.children)


def _kernels(event: Any) -> Iterator[Kernel]:
    """The operators that count for ``event``: itself, or those it calls."""
    called = [kernel for each in _outermost(event.children) for kernel in _kernels(each)]
    if event.name in _NOTHING_BUT_CALLS or (event.name in MADE_OF_OTHERS and called):
        yield from called
        return
    arguments = recorded_arguments(event.extra_fields.inputs)
    # How much of a sparse tensor there is its shape does not tell.
    unknown = any(tensor.sparse for tensor in tensors_in(arguments))
    work = None if unknown else operator_work(event.name, arguments, _kept_bytes(event))
    calls = any(kernel.name not in INCIDENTAL for kernel in called)
    if work is None and calls and not has_own_kernel(event.name):
        yield from called
    elif work is None or work != NOTHING:
        yield Kernel(event.name, work)


def _kept_bytes(event: Any) -> int:
    """The memory that was taken during ``event`` and not freed."""
    kept: dict[int, int] = {}
    for change in _memory(event.children):
        if change.alloc_size > 0:
            kept[change.ptr] = change.alloc_size
        else:
            kept.pop(change.ptr, None)
    return sum(kept.values())


def _memory(events: Iterable[Any]) -> Iterator[Any]:
    for event in events:
        if event.name == "[memory]":
            yield event.extra_fields
        else:
            yield from _memory(event.children)
