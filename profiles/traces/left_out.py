"""The part of a trace's steps that is in no row of the profile: devices' work, and the host's
operators."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from profiles.traces.host_calls import HostCall
from profiles.traces.host_trace import HostTrace
from profiles.traces.lane_rows import LaneRow, work_of
from profiles.traces.trace_events import DEVICE_WORK, DRIVER_CALLS, TraceEvent
from rmixer.errors import InputError
from rmixer.imported.imported_profile import ImportedProfile

MOST_SILENT, MOST = 0.05, 0.20
"""Shares of the work of devices that are left out without a warning, and without ``--partial``."""
_NAMES_KEPT, _LONGEST_NAME = 5, 60
_US, _MS = 1e-3, 1e-3

Span = tuple[int, int]


@dataclass(frozen=True)
class LeftOut:
    """In the mean step: ``device_us`` of device work that is in no row, its ``share`` of all device
    work, and its largest parts by name; ``others_us`` that other threads spend in operators."""

    device_us: float
    share: float
    names: dict[str, float]
    others_us: float


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
    missed = [event for event in missed if _is_within(event.start_ns, used)]
    by_name: dict[str, int] = defaultdict(int)
    for event in missed:
        by_name[event.name] += event.duration_ns
    missed_ns = sum(by_name.values())
    held_ns = sum(row.busy_ns for rows in steps for row in rows if row.lane != "cpu")
    others_ns = sum(
        call.end_ns - call.start_ns for call in host.others if _is_within(call.start_ns, used)
    )
    most = sorted(by_name.items(), key=lambda item: (-item[1], item[0]))[:_NAMES_KEPT]
    each = _US / len(used)
    return LeftOut(
        device_us=missed_ns * each,
        share=missed_ns / (missed_ns + held_ns) if missed_ns else 0.0,
        names={name: time_ns * each for name, time_ns in most},
        others_us=others_ns * each,
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
        if call.start_ns >= begin_ns and not _is_within(call.start_ns, spans)
        for event in work_of(call)
    ]


def _is_within(at_ns: int, spans: Sequence[Span]) -> bool:
    place = bisect_right(spans, at_ns, key=lambda span: span[0]) - 1
    return place >= 0 and at_ns < spans[place][1]


def check_left_out(path: Path, found: LeftOut) -> None:
    """Raises :class:`InputError` if more device work is left out than is allowed."""
    if found.share > MOST:
        held_by_none = (
            f"{_device_work(found.share, found.device_us, found.names)} that no row would hold"
        )
        allowed = f"at most {MOST:.0%} left out, or `--partial` to import the rest all the same"
        raise InputError(path, "traceEvents", held_by_none, allowed)


def left_out_in_words(profile: ImportedProfile) -> Iterator[str]:
    """Yields lines about work left out of ``profile`` beyond the usual share."""
    if profile.left_out_share > MOST_SILENT:
        work = _device_work(profile.left_out_share, profile.unclaimed_us, profile.left_out)
        yield f"{work} that no operator of its steps launched is left out"
    share = profile.other_us / profile.profiled_mean_us
    if share > MOST_SILENT:
        time = f"{profile.other_us * _MS:.3f} ms a step ({share:.0%} of it)"
        yield f"{time} of operators of other threads are left out"


def _device_work(share: float, time_us: float, names: dict[str, float]) -> str:
    listed = ", ".join(f"{_short(name)} {us * _MS:.3f} ms" for name, us in names.items())
    return f"{share:.1%} of the device's work, {time_us * _MS:.3f} ms a step ({listed})"


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
