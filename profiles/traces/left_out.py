"""The part of a trace's steps that is in no row of the profile: devices' work, and the host's
operators."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from profiles.traces.host_calls import HostCall
from profiles.traces.host_trace import HostTrace
from profiles.traces.lane_rows import LaneRow
from profiles.traces.trace_events import DEVICE_WORK, DRIVER_CALLS, TraceEvent
from profiles.traces.trace_steps import Span, place_of
from rmixer.errors import InputError
from rmixer.imported.imported_profile import ImportedProfile

MOST_SILENT, MOST = 0.05, 0.20
"""Shares of the work of devices that are left out without a warning, and without ``--partial``."""
_NAMES_KEPT, _LONGEST = 5, 60
_US, _MS = 1e-3, 1e-3


@dataclass(frozen=True)
class LeftOut:
    """The parts of a trace that no row of the mean step has, by the names that
    :class:`~rmixer.imported.imported_profile.ImportedProfile` gives them."""

    unclaimed_us: float
    left_out_share: float
    left_out: dict[str, float]
    other_us: float


def left_out(
    events: Sequence[TraceEvent],
    host: HostTrace,
    spans: Sequence[Span],
    used: Sequence[Span],
    steps: Sequence[Sequence[LaneRow]],
) -> LeftOut:
    """The part left out of the ``used`` steps among all ``spans``, whose rows are ``steps``.

    Device work belongs to the step in which it begins. Work is in no row if no operator of a
    training thread launched it, or if such an operator launched it between steps. Work that was
    launched before the trace began, or before its first step, is in the rows of no step either, but
    each step has similar work, so it is not counted.
    """
    missed = [*_not_before(host.unclaimed, events), *_between(host.calls, spans)]
    missed = [event for event in missed if place_of(event.start_ns, used) is not None]
    by_name: dict[str, int] = defaultdict(int)
    for event in missed:
        by_name[event.name] += event.duration_ns
    missed_ns = sum(by_name.values())
    held_ns = sum(row.busy_ns for rows in steps for row in rows if row.lane != "cpu")
    others = [call for call in host.others if place_of(call.start_ns, used) is not None]
    others_ns = sum(call.end_ns - call.start_ns for call in others)
    most = sorted(by_name.items(), key=lambda item: (-item[1], item[0]))[:_NAMES_KEPT]
    each = _US / len(used)
    return LeftOut(
        unclaimed_us=missed_ns * each,
        left_out_share=missed_ns / (missed_ns + held_ns) if missed_ns else 0.0,
        left_out={name: time_ns * each for name, time_ns in most},
        other_us=others_ns * each,
    )


def _not_before(unclaimed: Sequence[TraceEvent], events: Iterable[TraceEvent]) -> list[TraceEvent]:
    """Without work launched before the trace began: it comes first on its stream, with a lower
    number than all recorded calls of the driver, which numbers its calls in order."""
    missing = {id(event) for event in unclaimed}
    first_call: float = math.inf
    first_ns: dict[str, int] = {}
    for event in events:
        if event.category in DRIVER_CALLS and event.correlation > 0:
            first_call = min(first_call, event.correlation)
        elif event.category in DEVICE_WORK and id(event) not in missing:
            first_ns.setdefault(event.thread, event.start_ns)
    return [
        event
        for event in unclaimed
        if not 0 < event.correlation < first_call < math.inf
        or event.start_ns >= first_ns.get(event.thread, event.start_ns)
    ]


def _between(calls: Iterable[HostCall], spans: Sequence[Span]) -> list[TraceEvent]:
    """The work of operators that are called after the first step has begun, outside of all
    steps."""
    begin_ns = spans[0][0]
    return [
        event
        for call in calls
        if call.start_ns >= begin_ns and place_of(call.start_ns, spans) is None
        for event in call.work
    ]


def check_left_out(path: Path, found: LeftOut) -> None:
    """Raises :class:`InputError` if more device work is left out than is allowed."""
    if found.left_out_share > MOST:
        work = device_work(found)
        allowed = f"at most {MOST:.0%} left out, or `--partial` to import the rest all the same"
        raise InputError(path, "traceEvents", f"{work} that no row would hold", allowed)


def device_work(found: LeftOut | ImportedProfile) -> str:
    """Says how much of the device's work is left out, by name."""
    listed = ", ".join(
        f"{name if len(name) <= _LONGEST else name[: _LONGEST - 1] + '…'} {us * _MS:.3f} ms"
        for name, us in found.left_out.items()
    )
    total = f"{found.unclaimed_us * _MS:.3f} ms a step ({listed})"
    return f"{found.left_out_share:.1%} of the device's work, {total}"
