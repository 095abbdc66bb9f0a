"""The work of each operator of a step, counted from its actual calls.

An operator without a formula counts as the sum of the operators that it calls, unless it has a
kernel of its own: ``aten::softmax`` is ``aten::_softmax``. The profiler's tree of events has that
nesting, the shapes of lists of tensors, and the memory of each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from functools import cache
from typing import Any

from profiles.traces.profiler_events import INPUT_MARK, Called
from profiles.work.operands import recorded_arguments, shapes_text, tensors_in
from profiles.work.operator_formulas import NOTHING, OperatorWork, operator_work
from profiles.work.operator_names import MADE_OF_COPIES, VIEWS
from rmixer.errors import RunFailed
from rmixer.operators.operator_cost import OperatorCost

_ALL_IT_IS = "CompositeImplicitAutograd"
_ALL_IT_DOES = "CompositeExplicitAutograd"
_OF_A_PROCESSOR = ("CPU", "CUDA", "MkldnnCPU")
_BY_ANOTHER = frozenset(("aten::_embedding_bag_backward",))
"""Operators with a kernel that only chooses between two other operators."""


@cache
def has_own_kernel(name: str) -> bool:
    """True if operator ``name`` (``aten::mm``) does more than the operators that it calls: torch
    has a kernel for it (PyTorch, "native_functions.yaml": ``dispatch``), or does not know it."""
    if name in _BY_ANOTHER:
        return False
    import torch  # not above: what is known without asking torch is known without importing it

    namespace, _, plain = name.partition("::")
    packet = getattr(torch.ops.aten, plain, None) if namespace == "aten" and plain else None
    if packet is None:
        return True
    try:
        return any(_is_native(name, overload) for overload in packet.overloads())
    except (AttributeError, RuntimeError):
        return True


def _is_native(name: str, overload: str) -> bool:
    full = name if overload == "default" else f"{name}.{overload}"
    try:
        if _has(full, _ALL_IT_IS):
            return False
        return any(_has(full, key) for key in _OF_A_PROCESSOR) or not _has(full, _ALL_IT_DOES)
    except RuntimeError:  # of numbers, not of tensors: such an overload is no operator
        return False


def _has(full: str, key: str) -> bool:
    import torch

    has_kernel = torch._C._dispatch_has_kernel_for_dispatch_key  # type: ignore[attr-defined]
    return bool(has_kernel(full, key))


_MADE_OF_OTHERS = frozenset(
    f"aten::{name}" for name in ("linear", "matmul", "mv", "embedding", "embedding_bag")
)
"""These have a formula as well, in case the operators that they call are unknown."""
_NOTHING_BUT_CALLS = frozenset((*MADE_OF_COPIES, *VIEWS))
_INCIDENTAL = ("aten::copy_", "aten::fill_", "aten::zero_", "aten::arange")
"""Operators that others call besides their own work."""

LEAST_SHARE, MOST_NAMED = 0.05, 3


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


def kernels(
    name: str, called: Sequence[Kernel], by_formula: Callable[[], OperatorWork | None]
) -> list[Kernel]:
    """Returns the operators that count for ``name``: itself, or those it ``called``."""
    kind = name.removeprefix("aten::").removesuffix("_").removeprefix("_foreach_")
    whole = all(each.work and None not in astuple(each.work) for each in called)
    if kind in _NOTHING_BUT_CALLS or (name in _MADE_OF_OTHERS and called and whole):
        return list(called)
    work = by_formula()
    calls = any(kernel.name not in _INCIDENTAL for kernel in called)
    if work is None and calls and not has_own_kernel(name):
        return list(called)
    return [] if work == NOTHING else [Kernel(name, work)]


def _kernels(event: Any) -> list[Kernel]:
    def by_formula() -> OperatorWork | None:
        arguments = recorded_arguments(event.extra_fields.inputs)
        if any(tensor.sparse for tensor in tensors_in(arguments)):
            return None  # how much of a sparse tensor there is its shape does not tell
        return operator_work(event.name, arguments, _kept_bytes(event))

    called = [kernel for each in _outermost(event.children) for kernel in _kernels(each)]
    return kernels(event.name, called, by_formula)


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


def uncounted_in_words(calls: Sequence[Called], operators: Sequence[OperatorCost]) -> str:
    """Names those of a step's ``calls`` whose work is unknown, if they take some of its time on the
    CPU, by its ``operators`` with the fewest threads; "" if they do not."""
    unknown = {call.name for call in calls if call.work is None and call.name != INPUT_MARK}
    fewest = min((row.threads for row in operators), default=0)
    each_us: dict[str, float] = defaultdict(float)
    for row in operators:
        if (row.lane, row.threads) == ("cpu", fewest):
            each_us[row.operator] += row.mean_us
    longest = sorted(unknown, key=lambda name: -each_us[name])
    share = sum(each_us[name] for name in unknown) / (sum(each_us.values()) or 1.0)
    if share < LEAST_SHARE:
        return ""
    names = ", ".join(longest[:MOST_NAMED])
    return (
        f"{share:.0%} of its step are operators whose FLOPs and bytes are not known and count as "
        f"nothing ({names}): its job type and utilisation tell of the rest alone"
    )
