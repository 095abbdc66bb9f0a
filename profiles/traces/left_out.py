"""The part of a trace's steps that is in no row of the profile (devices' work, and the host's
operators), and the warnings for users of the profile."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
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
WORST_CLOSURE = 0.06
"""The same limit as for a measured profile."""
_WHAT_TO_DO = "say its length by `--step-ms`, or import a trace with a synchronisation in each step"
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


def warnings_of(profile: ImportedProfile) -> list[str]:
    """Warnings about parts left out of ``profile`` beyond the usual share, about missing facts, and
    about a sum that misses the length of its step, unless the user has said that."""
    found = (*_left_out(profile), *(_length(profile) if profile.step_us is None else ()))
    return [f"{profile.name}: {text}" for text in found]


def _left_out(profile: ImportedProfile) -> Iterator[str]:
    if profile.left_out_share > MOST_SILENT:
        yield f"{device_work(profile)} that no operator of its steps launched is left out"
    share = profile.other_us / profile.profiled_mean_us
    if share > MOST_SILENT:
        time = f"{_ms(profile.other_us)} a step ({share:.0%} of it)"
        yield f"{time} of operators of other threads are left out"
    rows = profile.operators
    if not any(row.shapes for row in rows):
        yield (
            "no operator has Input Dims and Input type, so FLOPs and bytes are unknown: record "
            "with `record_shapes=True`"
        )
    backward = [row for row in rows if row.phase == "backward"]
    if backward and all(row.forward_index < 0 for row in backward):
        yield "no operator has a Sequence number that ties a backward one to its forward one"
    if profile.other_devices:
        named = ", ".join(f"{name} ({count})" for name, count in profile.other_devices.items())
        host = ", so the profile is of the host alone" if profile.device == "cpu" else ""
        yield (
            f"events of the categories {named} are left out{host}: of devices only the GPUs of "
            "CUDA and ROCm are read"
        )
    if profile.untimed:
        yield (
            f"{profile.untimed} kernels or copies at time 0 that take no time are left out: the "
            "profiler has lost when they ran"
        )
    if profile.cut_operators:
        yield (
            f"operators that end after their step are cut at its end: {profile.cut_operators}, by "
            f"{_ms(profile.cut_most_us)} at most (`--strict` refuses them)"
        )


def _length(profile: ImportedProfile) -> Iterator[str]:
    mean_us = profile.profiled_mean_us
    for lane in ("gpu", "link"):
        busy_us = sum(row.mean_us for row in profile.operators if row.lane == lane)
        if busy_us > mean_us:
            yield (
                f"the {lane} works {_ms(busy_us)} a step, longer than the step of {_ms(mean_us)}, "
                f"which is taken from the host, and that runs ahead: {_WHAT_TO_DO}"
            )
            return
    for lane, part in profile.closure.items():
        if abs(part) > WORST_CLOSURE:
            yield (
                f"operators and gaps on the {lane} come to {1 + part:.0%} of the step: where the "
                f"host runs ahead of the device, {_WHAT_TO_DO}; work at the same time on several "
                "streams or threads counts twice"
            )


def _ms(time_us: float) -> str:
    return f"{time_us * 1e-3:.3f} ms"
