"""Many replications of one mix at once: its members walk for a few steps, and their speeds are
measured. What :mod:`sim.operator_level.lanes` does with one SimPy process a member is done here
with arrays over replications, each on its own clock, in a small part of the time; a test holds both
equal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.demand.contention import Background
from sim.demand.resident import Resident
from sim.operator_level.instruction_tables import Floats
from sim.operator_level.replications import Replications

MEASURED_STEPS = 2
FAST = 20.0


def walks(residents: Sequence[Resident]) -> list[bool]:
    """Which members walk their segments: those that train, but for those whose step is more than
    20 times shorter than the slowest's; they and all other phases are mean demand."""
    slowest_s = max((r.step.solo_s for r in residents if r.training), default=0.0)
    return [r.training and r.step.solo_s * FAST >= slowest_s for r in residents]


def replicate(residents: Sequence[Resident], background: Background, offsets: Floats) -> Floats:
    """The speed of each member, in units of its speed alone, over some steps of the slowest, as
    [members, replications].

    In replication r member i begins after ``offsets[i, r]`` of its own step. The slowest's first
    step is left out: by its end all have begun. At least one member must train.
    """
    walking = walks(residents)
    order = sorted(range(len(residents)), key=lambda index: not walking[index])
    ordered, walkers = [residents[i] for i in order], sum(walking)
    speeds = np.empty_like(offsets)
    speeds[order] = _measure(ordered[:walkers], ordered[walkers:], background, offsets[order])
    return speeds


def _measure(
    walkers: Sequence[Resident],
    steady: Sequence[Resident],
    background: Background,
    offsets: Floats,
) -> Floats:
    """Walk until the slowest has made its steps in every replication. A walker's speed is by
    its own whole steps within that time; by what it has made where there is none."""
    solo_s = np.array([[r.step.solo_s] for r in walkers])
    size, slowest = (len(walkers), offsets.shape[1]), int(np.argmax(solo_s[:, 0]))
    replications = Replications(walkers, steady, background, offsets[: len(walkers)] * solo_s)
    start, end = (np.full((len(offsets) + 1, size[1]), np.nan) for _ in (0, 1))
    measuring, measured = np.zeros(size[1], dtype=bool), np.zeros(size[1], dtype=bool)
    counted, first_s, last_s = np.full(size, -1), np.zeros(size), np.zeros(size)
    while not measured.all():
        ended = replications.advance()
        if not ended.size:
            continue
        row, column = np.divmod(ended, size[1])
        slow = column[row == slowest]
        made = replications.made[slowest, slow]
        begin = slow[made == 1]
        if begin.size:
            start[:, begin] = replications.snapshot(begin)
            measuring[begin] = True
        within = measuring[column]
        row, column = row[within], column[within]
        now_s = replications.now_s[column]
        first_s[row, column] = np.where(counted[row, column] < 0, now_s, first_s[row, column])
        last_s[row, column] = now_s
        counted[row, column] += 1
        finish = slow[made == 1 + MEASURED_STEPS]
        if finish.size:
            end[:, finish] = replications.snapshot(finish)
            measuring[finish] = False
            measured[finish] = True
    speeds = np.asarray((end[:-1] - start[:-1]) / (end[-1] - start[-1]))
    whole = counted > 0
    rate = np.where(whole, counted / np.where(whole, last_s - first_s, 1.0), speeds[: size[0]])
    speeds[: size[0]] = rate * solo_s
    return speeds
