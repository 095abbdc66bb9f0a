"""Checks a trace for impossible combinations of valid events."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from profiles.traces.chrome_trace import ChromeTrace
from profiles.traces.host_calls import HostCall, is_operator
from profiles.traces.host_trace import HostTrace, read_host_trace
from profiles.traces.left_out import MOST
from profiles.traces.trace_events import DEVICE_WORK, DRIVER_CALLS, OPERATOR, TraceEvent, may_go_on
from profiles.traces.trace_steps import Steps, place_of
from rmixer.errors import InputError

_READ = "what hosts and the GPUs of CUDA and ROCm do"
_ROUNDED_NS = 2_000
"""Older profilers cut both times of an event to whole microseconds."""


def check_nesting(trace: ChromeTrace) -> None:
    """Raises :class:`InputError` for an operator that begins inside another one of its thread and
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
                raise _wrong(trace, event, found, "operators apart or nested")
            around.append(event)


def check_launches(trace: ChromeTrace) -> None:
    """Raises :class:`InputError` if two calls of the driver launched the same work: a correlation
    belongs to one call, and to those inside it."""
    working = {event.correlation for event in trace.events if event.category in DEVICE_WORK}
    working -= {-1, 0}
    launches: dict[int, TraceEvent] = {}
    for event in trace.events:
        if event.category not in DRIVER_CALLS or event.correlation not in working:
            continue
        other = launches.setdefault(event.correlation, event)
        if event.start_ns >= other.end_ns > other.start_ns:
            found = f"correlation {event.correlation}, which {_named(other)} has"
            raise _wrong(trace, event, found, "one of its own")


def check_once(trace: ChromeTrace) -> None:
    """Raises :class:`InputError` for GPU work that occurs twice: of the same launch, stream, name
    and times."""
    seen: set[tuple[int, str, str, int, int]] = set()
    for event in trace.events:
        if event.category not in DEVICE_WORK or event.correlation < 1 or not event.duration_ns:
            continue
        times = (event.start_ns, event.duration_ns)
        work = (event.correlation, event.thread, event.name, *times)
        if work in seen:
            raise _wrong(trace, event, "the same event twice", "each event once")
        seen.add(work)


def check_whole(trace: ChromeTrace) -> None:
    """Raises :class:`InputError` for GPU work whose times the profiler has lost, and for events
    that may be another device's."""
    if trace.untimed:
        found = f"{trace.untimed} events of a GPU at time 0 that take no time"
        raise InputError(trace.path, "traceEvents", found, "times of all that a GPU did (--strict)")
    for category, count in trace.other_devices.items():
        found = f"{count} events of the category {category}"
        raise InputError(trace.path, "traceEvents", found, f"{_READ} (--strict)")


def check_tied(trace: ChromeTrace) -> None:
    """Raises :class:`InputError` if no number tells what launched most of the GPUs' work."""
    done = [event for event in trace.events if event.category in DEVICE_WORK]
    untied = sum(event.correlation < 0 and event.external < 0 for event in done)
    if 2 * untied > len(done):
        found = f"{untied} of {len(done)} events of a GPU without correlation and External id"
        allowed = "one of them in each, or `--partial` to import the rest all the same"
        raise InputError(trace.path, "traceEvents", found, allowed)


def check_timed(trace: ChromeTrace) -> None:
    """Raises :class:`InputError` if much of the GPUs' work has no times."""
    timed = sum(event.category in DEVICE_WORK for event in trace.events)
    if trace.untimed > MOST * (timed + trace.untimed):
        found = (
            f"{trace.untimed} of {timed + trace.untimed} events of a GPU at time 0 without length"
        )
        allowed = f"at most {MOST:.0%} of them, or `--partial` to import the rest all the same"
        raise InputError(trace.path, "traceEvents", found, allowed)


def check_steps(trace: ChromeTrace, steps: Steps) -> None:
    """Raises :class:`InputError` for steps that overlap, or take no time."""
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


def cut_late(
    trace: ChromeTrace, steps: Steps, host: HostTrace, strict: bool
) -> tuple[tuple[TraceEvent, ...], HostTrace, list[int]]:
    """Returns the events of ``trace`` with late operators, and those that they call, cut at the end
    of their step; the host's operators in them; and by how many nanoseconds each was cut. Operators
    outside of autograd's nodes on the threads that run these may go on, and so may communication
    that does by itself. Raises :class:`InputError` for the first late one if ``strict``."""
    events, late = trace.events, []
    while more := _late(steps, host.calls):  # what one calls may be late as well
        call, end_ns = more[0]
        if strict:
            found = f"an end after that of its step at {_us(end_ns)} ({steps.told})"
            raise _wrong(trace, call.tree.event, found, "operators inside a step")
        ends: dict[str, set[int]] = defaultdict(set)
        for call, end_ns in more:
            ends[call.thread].add(end_ns)
        events = tuple(_cut(event, ends[event.thread]) for event in events)
        host = read_host_trace(events)
        late += [call.end_ns - end_ns for call, end_ns in more]
    return events, host, late


def _late(steps: Steps, calls: Sequence[HostCall]) -> list[tuple[HostCall, int]]:
    """Returns the operators that go on after their step, and the end of that."""
    found = []
    for call in calls:
        place = place_of(call.start_ns + _ROUNDED_NS, steps.spans)
        if place is None or call.outside_nodes or may_go_on(call.name):
            continue
        begin_ns, end_ns = steps.spans[place]
        if begin_ns <= call.start_ns and call.end_ns > end_ns + _ROUNDED_NS:
            found.append((call, end_ns))
    return found


def _cut(event: TraceEvent, ends: set[int]) -> TraceEvent:
    if event.category != OPERATOR and event.category not in DRIVER_CALLS:
        return event
    inside = [end_ns for end_ns in ends if event.start_ns < end_ns < event.end_ns]
    return replace(event, duration_ns=min(inside) - event.start_ns) if inside else event


def _wrong(trace: ChromeTrace, event: TraceEvent, found: str, allowed: str) -> InputError:
    return InputError(trace.path, _named(event), found, allowed)


def _named(event: TraceEvent) -> str:
    return f"{event.name} at {_us(event.start_ns)}"


def _us(time_ns: int) -> str:
    """A time as the file has it."""
    return f"{time_ns // 1000}.{time_ns % 1000:03}"
