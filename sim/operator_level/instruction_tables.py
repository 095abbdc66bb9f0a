"""The steps of several walkers as tables of numbers, for walking many replications at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.demand.resident import Resident

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]

LANES = ("gpu", "link")
Instruction = tuple[float, float, tuple[tuple[int, float], ...], bool]
"""Host work in seconds, its memory weight, the launches after it as (lane, seconds), and True if
the host then waits until the job's queue is empty."""


class Programs:
    """The instructions of one step of several walkers.

    All tables have a row a walker and are flat: entry ``i`` of row ``w`` is at ``w * width + i``.
    Instruction ``i`` takes ``work`` of weight ``weight``, after ``before`` seconds of the step's
    host work. ``then`` codes its end: 4 x the pieces of device work that are queued, + 1 if the
    host stops until they are all done, as after the last instruction of a step, + 2 at the place
    after that. Piece ``j`` of a step is ``amount`` seconds at ``w * depth + j`` on its ``lane``, a
    place in :data:`LANES`. Steps are ``even`` if all of their work has weight 1.
    """

    def __init__(self, residents: Sequence[Resident]) -> None:
        steps = [_instructions(resident) for resident in residents]
        pieces = [[piece for *_, launched, _ in step for piece in launched] for step in steps]
        self.width = max(len(step) for step in steps) + 1
        self.depth = max(len(row) for row in pieces) + 1
        work = [[each[0] for each in step] for step in steps]
        self.work = _table(work, self.width, 0.0)
        self.before = _table([[0.0, *np.cumsum(row)] for row in work], self.width, 0.0)
        self.weight = _table([[each[1] for each in step] for step in steps], self.width, 0.0)
        self.even = all(each[1] == 1.0 for step in steps for each in step)
        stops = [[*(each[3] for each in step[:-1]), True] for step in steps]
        launches = [[len(each[2]) for each in step] for step in steps]
        ends = [np.add(4 * np.array(n), stop) for n, stop in zip(launches, stops, strict=True)]
        self.then = _table([[*row, 2] for row in ends], self.width, 0)
        lane = _table([[lane for lane, _ in row] for row in pieces], self.depth, -1)
        self.lane = np.where(lane == 0, 0, 1)
        self.amount = _table([[work_s for _, work_s in row] for row in pieces], self.depth, 0.0)


def _instructions(resident: Resident) -> list[Instruction]:
    step: list[Instruction] = []
    for segment in resident.step.segments:
        if segment.lane == "cpu":
            step.append((segment.host_s, segment.weight, (), False))
            continue
        lane, weight = LANES.index(segment.lane), segment.weight
        pieces = (segment.device_s - segment.tail_s, segment.tail_s)
        first, last = (((lane, work_s),) if work_s > 0 else () for work_s in pieces)
        between_s = max(0.0, segment.launch_s - segment.lead_s)
        step.append((segment.lead_s, weight, first, False))
        step.append((between_s, weight, last, False))
        step.append((max(0.0, segment.host_s - segment.launch_s), weight, (), segment.waits))
    return _joined([each for each in step if each[0] > 0 or each[2] or each[3]])


def _joined(step: Sequence[Instruction]) -> list[Instruction]:
    """The same step in fewer instructions. Instructions between which nothing happens become one,
    which saves two roundings. One that takes no time happens at the end of the one before."""
    joined: list[Instruction] = []
    for work_s, weight, launched, waits in step:
        if joined and not joined[-1][3]:
            before_s, its_weight, before, _ = joined[-1]
            if work_s == 0 or (not before and weight == its_weight):
                joined[-1] = (before_s + work_s, its_weight, before + launched, waits)
                continue
        joined.append((work_s, weight, launched, waits))
    return joined


def _table(rows: Sequence[Sequence[Any]], width: int, filler: Any) -> NDArray[Any]:
    return np.array([[*row, *[filler] * (width - len(row))] for row in rows]).ravel()
