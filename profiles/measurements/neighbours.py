"""Measures a job with bubbles: how it suffers from them, and how it slows one.

One sweep with growing numbers of computing and of streaming bubbles on the other cores (Bubble-Up,
MICRO 2011), each in turn with the job alone.
"""

from __future__ import annotations

import contextlib
import statistics
from dataclasses import dataclass, field

import numpy as np

from profiles.machines.bubble import Bubbles, Work
from profiles.machines.measure_machine import every_count
from profiles.measurements.quiet_rounds import half_width
from rmixer.errors import RunFailed
from rmixer.model_profile.step_statistics import step_statistics
from rmixer.training.process import WorkerProcess

WORKS: tuple[Work, ...] = ("compute", "stream")
ROUNDS = 5
BLOCK_S, LEAST_BLOCK_S = 0.3, 0.1
REFERENCE_S = 0.15
FULL_SWEEP_S = 20.0
LONGEST_SLOWDOWN = 2.2


@dataclass
class Neighbours:
    """Ratios of the mean step with bubbles to that alone, by ``(work, cores)``, and ``pressures``,
    a value of each round."""

    ratios: dict[tuple[Work, int], list[float]] = field(default_factory=dict)
    pressures: list[float] = field(default_factory=list)

    @property
    def pressure(self) -> float | None:
        """The median over rounds, at least 0; None if it was not measured."""
        return max(0.0, statistics.median(self.pressures)) if self.pressures else None

    @property
    def sensitivity_half_width(self) -> float | None:
        """Half the 95% interval of the slow-down by streams over that by compute loops, with most
        bubbles, as a fraction; None if there were not two rounds."""
        most = max((cores for _, cores in self.ratios), default=0)
        rounds = zip(*(self.ratios.get((work, most), ()) for work in WORKS), strict=False)
        found = [stream / compute for compute, stream in rounds]
        return half_width(found) if len(found) > 1 else None

    def by_count(self, work: Work) -> tuple[float, ...]:
        """The median slow-down for every count of busy bubbles up to the largest measured; below
        1 is noise and becomes 1, counts in between are interpolated."""
        medians = {
            cores: max(1.0, statistics.median(ratios))
            for (kind, cores), ratios in self.ratios.items()
            if kind == work
        }
        return every_count(medians) if medians else ()


@dataclass(frozen=True)
class SweepBlocks:
    """The times of a sweep: in each of ``rounds`` bubbles work for ``bubble_s`` at a time, and the
    job runs steps for ``steps_s`` meanwhile."""

    rounds: int
    bubble_s: float
    steps_s: float

    @staticmethod
    def of(alone_s: float, blocks: int, sweep_s: float = FULL_SWEEP_S) -> SweepBlocks:
        """The times for ``blocks`` of bubbles a round, and one without, of steps that take
        ``alone_s``, in ``sweep_s``. If a round of a few steps each takes longer, it is one step
        each."""
        block_s = max(min(BLOCK_S, BLOCK_S * sweep_s / FULL_SWEEP_S), LEAST_BLOCK_S, 2.5 * alone_s)
        round_s = block_s + blocks * (block_s + 2 * alone_s) + 2 * REFERENCE_S
        if round_s > sweep_s:
            return SweepBlocks(1, LONGEST_SLOWDOWN * alone_s, alone_s / 2)
        return SweepBlocks(int(min(ROUNDS, sweep_s // round_s)), block_s, block_s)


def measure_neighbours(
    worker: WorkerProcess,
    bubbles: Bubbles,
    spare: int,
    alone_s: float,
    sweep_s: float = FULL_SWEEP_S,
) -> Neighbours:
    """The sweep of a worker in a profiling session, with ``spare`` cores left for bubbles; about
    ``alone_s`` a step. Slow steps get fewer rounds and then shorter blocks, so that it ends in
    ``sweep_s`` if one step each can."""
    found = Neighbours()
    levels = bubble_levels(spare)
    if not levels:
        return found
    blocks = SweepBlocks.of(alone_s, len(levels) * len(WORKS), sweep_s)
    for _ in range(blocks.rounds):
        before_s = step_statistics(worker.ask("plain", seconds=blocks.steps_s)["durations"]).mean_s
        for count in levels:
            for work in WORKS:
                beside_s, rate = beside(worker, bubbles, work, count, blocks)
                found.ratios.setdefault((work, count), []).append(beside_s / before_s)
                if (work, count) == ("stream", 1):
                    found.pressures.append(pressure(bubbles, rate))
    return found


def bubble_levels(spare: int) -> list[int]:
    """The numbers of bubbles that are tried with a job if ``spare`` cores are left over: one, half
    of them, all."""
    return sorted({1, -(-spare // 2), spare}) if spare else []


def beside(
    worker: WorkerProcess, bubbles: Bubbles, work: Work, count: int, blocks: SweepBlocks
) -> tuple[float, float]:
    """The job's mean step in seconds with ``count`` bubbles, and the rate of the first one."""
    bubbles.start(work, blocks.bubble_s, count)
    try:
        answer = worker.ask("plain", seconds=blocks.steps_s)
    except RunFailed:  # they are idle again before anything else is measured
        with contextlib.suppress(RunFailed):
            bubbles.rates(count)
        raise
    durations = np.asarray(answer["durations"])
    # Steps that outlasted the bubbles were alone at the end.
    within = durations[answer["skipped_s"] + np.cumsum(durations) <= blocks.bubble_s]
    steps = step_statistics(within if within.size else durations[:1])
    return steps.mean_s, bubbles.rates(count)[0]


def pressure(bubbles: Bubbles, beside_job: float) -> float:
    """The slow-down by the job of a stream on another core, from 0 (like a compute loop in its
    place) to 1 (like another stream in its place). ``beside_job`` is that stream's rate."""
    last = len(bubbles) - 1
    like_compute = bubbles.pair("stream", "compute", last, REFERENCE_S)
    like_stream = bubbles.pair("stream", "stream", last, REFERENCE_S)
    slowed = 1 / beside_job - 1 / like_compute
    span = 1 / like_stream - 1 / like_compute
    if span <= 0.02 / like_compute:  # streams do not disturb each other here: nothing to share
        return 0.0
    return slowed / span
