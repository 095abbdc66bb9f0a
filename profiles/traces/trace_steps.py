"""Finds the training steps of a trace."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from profiles.traces.chrome_trace import ChromeTrace
from profiles.traces.host_calls import HostCall, brings_input, reads_values
from profiles.traces.trace_events import ANNOTATION, OPERATOR, PYTHON, is_profiler_step
from rmixer.errors import InputError

_NAMES_SHOWN = 6
LEAST_REPEATS = 2
Span = tuple[int, int]


def place_of(at_ns: int, spans: Sequence[Span]) -> int | None:
    """Returns the place of the one of ``spans`` that holds that time, None if none does."""
    place = bisect_right(spans, at_ns, key=lambda span: span[0]) - 1
    return place if place >= 0 and at_ns < spans[place][1] else None


@dataclass(frozen=True)
class Steps:
    """``spans`` of whole steps in nanoseconds, in order; ``told`` names the marks that showed
    them."""

    spans: tuple[Span, ...]
    told: str


def find_steps(trace: ChromeTrace, calls: Sequence[HostCall], marker: str | None) -> Steps:
    """The steps of ``trace``: the profiler's own marks (``ProfilerStep#3``), each a step; with
    ``marker`` an event of that name, each step lasting until the next one begins; without either
    the repetition of ``calls``. Raises :class:`InputError` if there is no whole step."""
    if marker is not None:
        return _marked(trace, marker)
    own = [event for event in trace.events if is_profiler_step(event)]
    if own:
        return Steps(tuple((e.start_ns, e.end_ns) for e in own), "ProfilerStep marks")
    return _repeated(trace, calls)


def _marked(trace: ChromeTrace, marker: str) -> Steps:
    hosts = (ANNOTATION, OPERATOR, PYTHON)
    starts = [e.start_ns for e in trace.events if e.name == marker and e.category in hosts]
    if len(starts) < 2:
        found = f"{marker!r} {('never', 'once')[len(starts)]} in {trace.path}"
        raise InputError("--step-marker", "", found, _candidates(trace))
    return Steps(tuple(itertools.pairwise(starts)), f"marker {marker}")


def _candidates(trace: ChromeTrace) -> str:
    """Annotations that come several times, as suggestions for a marker."""
    counts = Counter(event.name for event in trace.events if event.category == ANNOTATION)
    names = [f"{name} ({n} times)" for name, n in counts.most_common(_NAMES_SHOWN) if n > 1]
    listed = f", such as {', '.join(names)}" if names else ""
    return f"an event that comes once a step, twice or more{listed}"


def _repeated(trace: ChromeTrace, calls: Sequence[HostCall]) -> Steps:
    """Finds steps in operators that repeat up to the end of the trace: each begins after the
    optimizer's last one or, without an optimizer, after the last of the backward pass.

    A trace without a backward pass or an optimizer repeats no training step: a model's layers are
    as similar as its steps are.

    The input's operators are assigned last, with copies of it: those of a data loader with
    processes come with its batches, during any step. So do those outside of autograd's nodes on the
    threads that run these, and reads of values. A repetition without a backward pass or an
    optimizer that the trace has is less than a step (an optimizer's operators, one a parameter) or
    none (an evaluation).
    """
    places = [
        place
        for place, call in enumerate(calls)
        if not (brings_input(call) or reads_values(call) or call.outside_nodes)
    ]
    kept = [calls[place] for place in places]
    first, period = repetition([(call.name, call.thread) for call in kept])
    of_training = {call.phase for call in kept} & {"backward", "optimizer"}
    if not (period and of_training) or not of_training <= {
        call.phase for call in kept[first : first + period]
    }:
        found = "neither ProfilerStep marks nor training steps that repeat themselves up to its end"
        allowed = f"--step-marker NAME with {_candidates(trace)}"
        raise InputError(trace.path, "steps", found, allowed)
    begin = first + _turn(kept[first : first + period])
    starts = [_with_input(calls, place).start_ns for place in places[begin::period]]
    told = "repetition"
    if first > period:
        told += f", which begins after {first / len(kept):.0%} of the operators"
    if (rounds := _rounds(kept[first:], period)) > 1:
        told += f"; each has {rounds} rounds of an optimizer: if one is a step, say so by "
        told += "`--step-marker Optimizer.step#...`"
    return Steps(tuple(itertools.pairwise(starts)), told)


def _rounds(calls: Sequence[HostCall], period: int) -> int:
    """The number of times that optimizers begin to step in the second ``period`` of ``calls``. One
    whose step calls both passes, and those that step during one backward pass, begin once."""
    rounds, mark, backward = 0, None, False
    for place, call in enumerate(calls[: 2 * period]):
        if not call.updates:
            backward = (backward or calls[place - 1].updates) and call.phase == "backward"
            continue
        within = calls[place - 1].updates or (backward and call.in_node)
        same = call.optimizer is not None and call.optimizer is mark
        rounds += place >= period and not (within or same)
        mark = call.optimizer
    return rounds


def _with_input(calls: Sequence[HostCall], place: int) -> HostCall:
    """The first of the input's operators directly before the one at ``place``; else that one."""
    while place and brings_input(calls[place - 1]):
        place -= 1
    return calls[place]


def _turn(calls: Sequence[HostCall]) -> int:
    """The place in the ``calls`` that repeat where a step begins: after the last of the phase that
    ends a step, and after the operators that set gradients to zero, all taken as a circle."""
    ends = [
        ("optimizer" if call.updates else "zero") if call.phase == "optimizer" else call.phase
        for call in calls
    ]
    for last in ("optimizer", "backward"):
        for place, phase in enumerate(ends):
            following = (place + 1) % len(ends)
            while phase == last and ends[following] == "zero":
                following = (following + 1) % len(ends)
            if phase == last and ends[following] not in ("optimizer", "backward"):
                return following
    return 0


def repetition(items: Iterable[Hashable]) -> tuple[int, int]:
    """The longest end of ``items`` that repeats a shorter pattern at least twice: its beginning,
    and the pattern's length, 0 if there is none. The last pattern may be cut off.

    By the prefix function of Knuth, Morris and Pratt (SIAM J. Comput. 6, 1977) of the reversed
    items: a prefix of n whose longest border is b has the period n - b.
    """
    backwards = list(items)[::-1]
    borders = [0] * len(backwards)
    best, border = (0, 0), 0
    for n, item in enumerate(backwards[1:], start=2):
        while border and item != backwards[border]:
            border = borders[border - 1]
        border += item == backwards[border]
        borders[n - 1] = border
        if n >= LEAST_REPEATS * (n - border):
            best = (n, n - border)
    length, period = best
    return len(backwards) - length, period
