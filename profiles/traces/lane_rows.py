"""One step's operators on the lanes ``cpu``, ``gpu`` and ``link``, with the five gaps of the host.

The gaps are those of Lin et al. ("Building a performance model for deep learning recommendation
model training on GPUs", 2022): T1 between operators, T2 before an operator's first launch, T3 after
its last, T4 the launch calls themselves, T5 between launches. Time in which the host only waited
for the device is in none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from profiles.traces.host_calls import HostCall
from profiles.traces.trace_events import TraceEvent

_TO_DEVICE, _TO_HOST = "HtoD", "DtoH"


@dataclass
class LaneRow:
    """The work of one operator on one lane, in nanoseconds. ``busy_ns`` is the time on the lane,
    the sum over kernels or copies; ``gap_before_ns`` the time since the end of the lane's work
    before; ``host_ns`` the host's work for it on other lanes than the host's. ``t1_ns`` is in an
    operator's first row. ``wait_ns`` is the time that the host waited, from the end of the operator
    before on; on the link ``brings`` says that all of it went to the device."""

    call: HostCall
    lane: str
    device: int = -1
    busy_ns: int = 0
    gap_before_ns: int = 0
    host_ns: int = 0
    launches: int = 0
    t1_ns: int = 0
    t2_ns: int = 0
    t3_ns: int = 0
    t4_ns: int = 0
    t5_ns: int = 0
    wait_ns: int = 0
    brings: bool = True

    @property
    def phase(self) -> str | None:
        """The operator's phase, or ``copy`` for a copy to a device outside of the backward pass and
        the optimizer, unless a node of autograd belongs to it."""
        is_plain = self.call.phase in (None, "forward") and not self.call.recorded
        return "copy" if is_plain and self.lane == "link" and self.brings else self.call.phase


def lane_of(event: TraceEvent) -> str:
    """``link`` for a copy between host and device, ``gpu`` for all other device work."""
    crosses = _TO_DEVICE in event.name or _TO_HOST in event.name
    return "link" if event.category == "gpu_memcpy" and crosses else "gpu"


class Lanes:
    """Turns operators into rows, in order; it remembers the end of each lane's work. ``start_ns``
    is the start of the first step."""

    def __init__(self, start_ns: int) -> None:
        self._start_ns = start_ns
        self._host_ns = start_ns
        self._ends: dict[tuple[str, int], int] = {}

    def step(self, calls: Sequence[HostCall], begin_ns: int, end_ns: int) -> list[LaneRow]:
        """The rows of a step taken alone: its lanes are idle from its beginning to their first work
        and, added to that as if an equal step came before, from their last work to its end. Devices
        may still work for the step before."""
        self._start_ns = begin_ns
        host_end_ns = max((call.end_ns for call in calls), default=end_ns)
        self._host_ns = begin_ns - max(0, end_ns - host_end_ns)
        rows = [row for call in calls for row in self.rows(call)]
        first: dict[tuple[str, int], LaneRow] = {}
        for row in rows:
            first.setdefault((row.lane, row.device), row)
        for place, last_end_ns in self._ends.items():
            if place in first:
                first[place].gap_before_ns += max(0, end_ns - last_end_ns)
        return rows

    def rows(self, call: HostCall) -> list[LaneRow]:
        """A row for each lane that ``call`` worked on; the host's if it had no device work."""
        first_gap = max(0, call.start_ns - self._host_ns - call.waited_ns)
        self._host_ns = max(self._host_ns, call.end_ns)
        rows: dict[tuple[str, int], LaneRow] = {}
        for event in sorted(call.work, key=lambda event: event.start_ns):
            row = rows.setdefault(_place(event), LaneRow(call, *_place(event)))
            self._take(row, event)
        if not rows:
            rows["cpu", -1] = LaneRow(call, "cpu", gap_before_ns=first_gap)
        _share_host(call, rows)
        first = next(iter(rows.values()))
        first.t1_ns = first_gap
        first.wait_ns += call.waited_ns
        return list(rows.values())

    def _take(self, row: LaneRow, event: TraceEvent) -> None:
        """Adds an event to its row. Kernels may overlap: a gap counts from the latest end so
        far."""
        end = max(self._start_ns, self._ends.get((row.lane, row.device), self._start_ns))
        row.busy_ns += event.duration_ns
        row.brings = row.brings and _TO_DEVICE in event.name
        row.gap_before_ns += max(0, event.start_ns - end)
        self._ends[row.lane, row.device] = max(end, event.end_ns)


def _place(event: TraceEvent) -> tuple[str, int]:
    return lane_of(event), event.device


def _share_host(call: HostCall, rows: dict[tuple[str, int], LaneRow]) -> None:
    """Divides the host's time during ``call``: each launch with the time before it belongs to the
    lane that it feeds, and the time after the last to that lane."""
    row = next(iter(rows.values()))
    at_ns, pending_ns, launched = call.start_ns, 0, False
    for launch in call.launches:
        event = launch.call
        pending_ns += event.start_ns - at_ns
        at_ns = event.end_ns
        if not launch.work:
            row.wait_ns += event.duration_ns
            continue
        row = rows[_place(launch.work[0])]
        waited_ns = _waited_ns(event, launch.work)
        row.wait_ns += waited_ns
        row.launches += 1
        row.t4_ns += event.duration_ns - waited_ns
        if launched:
            row.t5_ns += pending_ns
        else:
            row.t2_ns += pending_ns
        pending_ns, launched = 0, True
    rest_ns = pending_ns + call.end_ns - at_ns
    if row.lane == "cpu":
        row.busy_ns = rest_ns
        return
    row.t3_ns += rest_ns if launched else 0
    row.host_ns += 0 if launched else rest_ns
    for each in rows.values():
        each.host_ns += each.t2_ns + each.t3_ns + each.t4_ns + each.t5_ns


def _waited_ns(call: TraceEvent, work: Sequence[TraceEvent]) -> int:
    """The time for which a call waited: one that copies to the host and returns when the copy has
    ended has waited for it."""
    end_ns = max(event.end_ns for event in work)
    reads = all(_TO_HOST in event.name for event in work)
    return end_ns - call.start_ns if reads and call.start_ns <= end_ns <= call.end_ns else 0
