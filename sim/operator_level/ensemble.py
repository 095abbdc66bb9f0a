"""Walks many replications of one mix at once for a few steps and measures their speeds.

Each replication has a clock of its own. Tests compare it with SimPy processes, one a member.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.demand.contention import Background
from sim.demand.resident import Resident
from sim.demand.segments import two_clocks_s
from sim.operator_level.instruction_tables import Floats
from sim.operator_level.walked_mix import Marks, Steps, WalkedMix

MEASURED_STEPS = 2
FAST = 20.0


def walks(residents: Sequence[Resident]) -> list[bool]:
    """For each member, True if it walks its segments. Members that train do, unless their step is
    more than 20 times shorter than the slowest's; these and all other phases are mean demand."""
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
    """Walks until the slowest has done its steps in every replication. A walker's speed comes from
    its whole steps within that time; if it ended none, from the part that it did."""
    mix = WalkedMix(walkers, steady, background, offsets, MEASURED_STEPS)
    marks = measure(mix)
    made, at_s = marks.made, marks.at_s
    for which, s in np.ndindex(2, len(steady)):
        row = (which, len(walkers) + s)
        made[row] = _steady_made(steady[s], at_s[which], made[row], marks.device_s[which, s])
    speeds = np.asarray((made[1] - made[0]) / (at_s[1] - at_s[0]))
    whole = marks.whole > 0
    lasted_s = np.where(whole, marks.last_s - marks.first_s, 1.0)
    rate = np.where(whole, marks.whole / lasted_s, speeds[: len(walkers)])
    speeds[: len(walkers)] = rate * mix.solo_s
    return speeds


def measure(mix: WalkedMix) -> Marks:
    """Walks ``mix`` in every replication and returns the marks taken."""
    from sim.operator_level.compiled_walk import walk  # here: it imports numba

    walkers = len(mix.walkers)
    patterns = np.full((1 << walkers if mix.by_pattern else 0, walkers + len(mix.steady)), np.nan)
    tables = mix.programs
    steps = Steps(
        tables.work,
        tables.before,
        tables.weight,
        tables.then,
        tables.lane,
        tables.amount,
        tables.width,
        tables.depth,
        mix.host_s,
        mix.slowest,
        mix.measured_steps,
    )
    seen = walk(
        tuple(steps),
        tuple(mix.host),
        tuple(mix.gpus),
        np.array(mix.loads),
        mix.delays_s,
        patterns,
    )
    return Marks(*seen)


def _steady_made(resident: Resident, now: Floats, host: Floats, device: Floats) -> Floats:
    """Seconds of a mean demand's work alone done so far. Host and GPU each slow down their part of
    the step, and the two clocks combine them to the step's time."""
    if not resident.training:
        return host
    step = resident.step
    slow = [
        two_clocks_s(step.segments, time_s / on_host, time_s / on_device)
        for time_s, on_host, on_device in zip(now, host, device, strict=True)
    ]
    return np.asarray(now * step.solo_s / np.array(slow))
