"""The operators that a data loader runs to make an iterator, before its first batch."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from profiles.traces.host_calls import LOADER, HostCall
from profiles.traces.trace_events import TraceEvent

_DRAWS = frozenset(("aten::random_", "aten::randperm", "aten::multinomial"))
_BEGINS = _DRAWS | {"aten::empty"}
_GOES_ON = frozenset(
    f"aten::{name}" for name in ("item", "_local_scalar_dense", "resolve_conj", "resolve_neg")
)


def find_iterators(calls: Sequence[HostCall], events: Iterable[TraceEvent]) -> None:
    """Assigns to the input the operators that draw seeds and samples directly before a loader's
    mark among the ``events`` of the thread of ``calls``, in order. An operator there that only
    reads a value does not count."""
    starts = [call.start_ns for call in calls]
    for event in events:
        if not event.name.startswith(LOADER):
            continue
        end = first = bisect_left(starts, event.start_ns)
        while first and _may_be_of_one(calls[first - 1]):
            first -= 1
        while first < end and calls[first].name not in _BEGINS:
            first += 1
        if any(call.name in _DRAWS for call in calls[first:end]):
            for call in calls[first:end]:
                call.phase = "input"


def _may_be_of_one(call: HostCall) -> bool:
    return call.phase is None and call.name in _BEGINS | _GOES_ON
