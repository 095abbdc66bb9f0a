"""The steps of a profiled block on a GPU: the times of each operator on each lane, in arrays.

They are read like an imported trace (``host_trace``, ``lane_rows``); the profiler's own events are
counted as well, so that their cost can be taken out.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from profiles.traces.event_tree import Node
from profiles.traces.host_trace import read_host_trace
from profiles.traces.lane_rows import LaneRow, Lanes, lane_of
from profiles.traces.profiler_events import INPUT_MARK, check_same_operators
from profiles.traces.trace_events import DEVICE_WORK, TraceEvent

TIMES = ("busy", "gap_before", "host", "t1", "t2", "t3", "t4", "t5", "wait")
"""The times of a :class:`~profiles.traces.lane_rows.LaneRow`, here in microseconds."""


def device_steps(events: Sequence[TraceEvent], skipped: int = 0) -> dict[str, Any]:
    """A block of steps, each from one mark of the input to the next, without the first ``skipped``.

    By row: ``rows`` are (operator's place in the step, lane), ``times`` arrays [steps, rows] in
    microseconds by :data:`TIMES`, ``launches`` those of kernels and copies. Of the host's events
    ``inside`` counts those in the operator and ``before`` those since the one before (both 0 but in
    an operator's first row), ``between`` those from the lane's launch before to its last one. By
    operator: ``operators`` are their names, and ``names`` those in the structure of a step (none
    for a launch outside of all operators, several if it wraps several). Raises :class:`RunFailed`
    if the steps do not run the same operators.
    """
    host = read_host_trace(events)
    firsts = [place for place, call in enumerate(host.calls) if call.name == INPUT_MARK]
    begin_ns = host.calls[firsts[0]].start_ns
    lanes = Lanes(begin_ns)
    count = _HostEvents(events, {call.thread for call in host.calls}, begin_ns)
    by_step: list[list[list[LaneRow]]] = []
    counts: list[list[tuple[int, int, int]]] = []
    for first, last in pairwise(firsts):
        by_step.append([lanes.rows(call) for call in host.calls[first:last]])
        counts.append([each for rows in by_step[-1] for each in count.counts(rows)])
    by_step, counts = by_step[skipped:], counts[skipped:]
    signature = _signature(by_step[0])
    for step in by_step:
        check_same_operators(signature, _signature(step))
    flat = [[row for rows in step for row in rows] for step in by_step]
    inside, before, between = np.array(counts[0], dtype=np.float64).T
    return {
        "rows": [(place, row.lane) for place, rows in enumerate(by_step[0]) for row in rows],
        "operators": [rows[0].call.name for rows in by_step[0]],
        "names": [list(outermost_names(rows[0].call.tree)) for rows in by_step[0]],
        "times": {
            name: np.array([[getattr(row, f"{name}_ns") for row in step] for step in flat]) / 1e3
            for name in TIMES
        },
        "launches": np.array([row.launches for row in flat[0]]),
        "inside": inside,
        "before": before,
        "between": between,
    }


def outermost_names(node: Node) -> Iterator[str]:
    """The operators at or below ``node`` that the structure of a step lists."""
    name = node.event.name
    if name == INPUT_MARK or name.startswith("aten::"):
        yield name
    else:
        for child in node.children:
            yield from outermost_names(child)


def _signature(step: Sequence[Sequence[LaneRow]]) -> list[str]:
    return [f"{row.call.name} ({row.lane})" for rows in step for row in rows]


class _HostEvents:
    """Counts the profiler's events on the threads that train, operator by operator."""

    def __init__(self, events: Sequence[TraceEvent], threads: set[str], begin_ns: int) -> None:
        self._starts = sorted(
            event.start_ns
            for event in events
            if event.category not in DEVICE_WORK and event.thread in threads
        )
        self._end_ns = begin_ns
        self._launched: dict[str, int] = {}

    def counts(self, rows: Sequence[LaneRow]) -> Iterator[tuple[int, int, int]]:
        """(inside, before, between) of the ``rows`` of one operator."""
        call = rows[0].call
        begin = self._place(call.start_ns)
        inside = max(1, self._place(call.end_ns) - begin)
        before = max(0, begin - self._place(self._end_ns))
        self._end_ns = max(self._end_ns, call.end_ns)
        for number, row in enumerate(rows):
            of_lane = [
                launch.call.start_ns
                for launch in call.launches
                if launch.work and lane_of(launch.work[0]) == row.lane
            ]
            launched = self._place(max(of_lane, default=call.start_ns))
            between = launched - self._launched.get(row.lane, launched)
            self._launched[row.lane] = launched
            yield (inside, before, between) if number == 0 else (0, 0, between)

    def _place(self, at_ns: int) -> int:
        """The number of events that began before."""
        return bisect_left(self._starts, at_ns)
