"""What no thread and no training can have done, however well each event reads by itself."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence

from profiles.traces.chrome_trace import ChromeTrace
from profiles.traces.communication import may_go_on
from profiles.traces.host_calls import HostCall, is_operator
from profiles.traces.trace_events import DEVICE_WORK, DRIVER_CALLS, TraceEvent
from profiles.traces.trace_steps import Steps
from rmixer.errors import InputError

_ROUNDED_NS = 2_000
"""Older profilers cut both times of an event to whole microseconds."""


def check_nesting(trace: ChromeTrace) -> None:
    """Raise :class:`InputError` for an operator that begins inside another one of its thread and
    ends after it."""
    threads: dict[str, list[TraceEvent]] = defaultdict(list)
    for event in filter(is_operator, trace.events):
        threads[event.thread].append(event)
    for events in threads.values():
        around: list[TraceEvent] = []
        for event in events:
            while around and around[-1].end_ns <= event.start_ns + _ROUNDED_NS:
                around.pop()
            if around and event.end_ns > around[-1].end_ns + _ROUNDED_NS:
                found = f"an end after that of {_named(around[-1])}, inside which it begins"
                raise InputError(trace.path, _named(event), found, "operators apart or nested")
            around.append(event)


def check_launches(trace: ChromeTrace) -> None:
    """Raise :class:`InputError` where two calls of the driver launched the same work: a correlation
    is of one call, and of those inside it."""
    working = {event.correlation for event in trace.events if event.category in DEVICE_WORK}
    working -= {-1, 0}
    launches: dict[int, TraceEvent] = {}
    for event in trace.events:
        if event.category not in DRIVER_CALLS or event.correlation not in working:
            continue
        other = launches.setdefault(event.correlation, event)
        if event.start_ns >= other.end_ns > other.start_ns:
            found = f"correlation {event.correlation}, which {_named(other)} has"
            raise InputError(trace.path, _named(event), found, "one of its own")


def check_once(trace: ChromeTrace) -> None:
    """Raise :class:`InputError` for work of a GPU that is there twice: of the same launch, stream,
    name and times."""
    seen: set[tuple[int, str, str, int, int]] = set()
    for event in trace.events:
        if event.category not in DEVICE_WORK or event.correlation < 1 or not event.duration_ns:
            continue
        times = (event.start_ns, event.duration_ns)
        work = (event.correlation, event.thread, event.name, *times)
        if work in seen:
            raise InputError(trace.path, _named(event), "the same event twice", "each event once")
        seen.add(work)


def check_steps(trace: ChromeTrace, steps: Steps, calls: Sequence[HostCall]) -> None:
    """Raise :class:`InputError` for steps that overlap, and for an operator among ``calls`` that
    goes on after the step in which it begins. What lies outside of autograd's nodes on the threads
    that run these may do so, and so may communication that goes on by itself."""
    spans = steps.spans
    for place, (before, after) in enumerate(itertools.pairwise(spans)):
        if after[0] < before[1] - _ROUNDED_NS:
            found = f"one that begins at {_us(after[0])}, before step {place} ends ({steps.told})"
            raise InputError(trace.path, f"step {place + 1}", found, "steps one after another")
    for begin_ns, end_ns in spans:
        if end_ns <= begin_ns:
            found = f"a step of no length ({steps.told})"
            raise InputError(
                trace.path, f"a step at {_us(begin_ns)}", found, "steps that take time"
            )
    place = 0
    for call in calls:
        if call.outside_nodes or may_go_on(call.name):
            continue
        while place < len(spans) and call.start_ns >= spans[place][1]:
            place += 1
        if place == len(spans):
            return
        begin_ns, end_ns = spans[place]
        if begin_ns <= call.start_ns < end_ns - _ROUNDED_NS and call.end_ns > end_ns + _ROUNDED_NS:
            found = f"an end after that of its step at {_us(end_ns)} ({steps.told})"
            raise InputError(trace.path, _named(call.tree.event), found, "operators inside a step")


def _named(event: TraceEvent) -> str:
    return f"{event.name} at {_us(event.start_ns)}"


def _us(time_ns: int) -> str:
    """A time as the file has it."""
    return f"{time_ns // 1000}.{time_ns % 1000:03}"
