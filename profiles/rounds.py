"""Rounds of blocks: the step without PyTorch's profiler, with it, and without it again.

Each round begins and ends with a probe of the machine and, where the step has several threads, of
how fast their cores exchange data. Rounds in which either was slow at either end are kept apart,
and so are those whose blocks show that the machine changed in between. Rounds follow until the mean
step is known well enough or their time is over.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from profiles.bubble import Bubbles
from profiles.precision import (
    PROBE_FACTOR,
    PROBE_QUANTILE,
    half_width,
    steady_rounds,
    unchanged_rounds,
)
from rmixer.errors import RunFailed
from rmixer.step_statistics import stall_limit_s, step_statistics
from rmixer.training.process import WorkerProcess

BLOCK_S = 0.1
PATIENCE = 2.0
"""For a machine that is not steady: times the seconds that a worker's rounds have."""
LEAST_STEADY = 2


@dataclass(frozen=True)
class Plan:
    """How a step is measured: rounds until half the 95% interval of its mean is at most
    ``precision`` of it, at least ``least_rounds`` and, unless these take longer, no more than
    ``seconds`` in each of two workers, one after the other; beside bubbles if ``neighbours``, for
    up to ``sweep_seconds`` a sweep. A command job's program is run for ``command_seconds`` from its
    first step on."""

    precision: float = 0.02
    least_rounds: int = 2
    seconds: float = 3.0
    neighbours: bool = True
    sweep_seconds: float = 20.0
    command_seconds: float = 30.0


@dataclass
class Blocks:
    """What the rounds of one worker gave: the slower of two probes, two plain blocks and a profiled
    one each, what an event cost the profiler at that time, and the slower of two exchanges between
    its threads."""

    probes_s: list[float] = field(default_factory=list)
    plain: list[list[float]] = field(default_factory=list)
    profiled: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    event_us: list[float] = field(default_factory=list)
    exchanges_us: list[float] = field(default_factory=list)

    def quick(self, slowest_exchange_us: float = math.inf) -> Blocks:
        """Those of the rounds in which the machine was not slow, by its probes, and no exchange
        took longer than told."""
        slow = {i for i, each_us in enumerate(self.exchanges_us) if each_us > slowest_exchange_us}
        return self.only([i for i in steady_rounds(self.probes_s).kept if i not in slow])

    def unchanged(self) -> Blocks:
        """Those of the rounds in which the machine did not change, by their own blocks."""
        return self.only(unchanged_rounds(self.three_means_s))

    def only(self, kept: Sequence[int]) -> Blocks:
        """The rounds at these places."""
        return Blocks(
            [self.probes_s[i] for i in kept],
            [self.plain[2 * i + half] for i in kept for half in (0, 1)],
            [self.profiled[i] for i in kept],
            self.seconds,
            [self.event_us[i] for i in kept],
            [self.exchanges_us[i] for i in kept] if self.exchanges_us else [],
        )

    @property
    def three_means_s(self) -> list[tuple[float, float, float]]:
        """The mean step in each block of every round, the profiled one in the middle, stalls apart.
        A GPU's, whose profiled steps wait for the host, are taken to be as the others."""
        return [self._three_means_s(index) for index in range(len(self.probes_s))]

    def _three_means_s(self, index: int) -> tuple[float, float, float]:
        before_s, after_s = (
            step_statistics(self.plain[2 * index + half]).mean_s for half in (0, 1)
        )
        if "durations" not in (block := self.profiled[index]):
            return before_s, (before_s + after_s) / 2, after_s
        totals_us = (block["durations"] + block["gaps"]).sum(axis=1)
        return before_s, step_statistics(totals_us).mean_s * 1e-6, after_s

    @property
    def mean_s(self) -> float:
        """The mean step of all plain blocks, stalls apart."""
        return step_statistics([step for block in self.plain for step in block]).mean_s

    @property
    def block_means_s(self) -> list[float]:
        """The mean step of each plain block; stalls are apart, of which a block may consist."""
        limit_s = stall_limit_s([step for block in self.plain for step in block])
        steady = ([step for step in block if step <= limit_s] for block in self.plain)
        return [statistics.fmean(block) for block in steady if block]


class Rounds:
    """The rounds of one worker in a profiling session, as ``plan`` has them: until the mean step is
    known, those of ``earlier`` workers included; up to twice as long where too few of its own
    count: the machine is not steady, or its cores exchange slowly, against the fastest exchange
    known of this count of threads. A worker that fails has no more: ``failure`` says how."""

    def __init__(
        self,
        worker: WorkerProcess,
        bubbles: Bubbles,
        plan: Plan,
        fastest_exchange_us: float = math.inf,
        earlier: Sequence[Blocks] = (),
    ) -> None:
        self.blocks = Blocks()
        self.failure: RunFailed | None = None
        self._worker, self._bubbles, self._plan = worker, bubbles, plan
        self._fastest_us, self._earlier = fastest_exchange_us, earlier

    def another(self) -> None:
        """Take one more."""
        begin_s = time.perf_counter()
        try:
            self._take()
        except RunFailed as failure:
            self.failure = failure
        self.blocks.seconds += time.perf_counter() - begin_s

    def _take(self) -> None:
        blocks, ask = self.blocks, self._worker.ask
        before_s, before_us = self._bubbles.probe(), ask("exchange")["exchange_us"]
        blocks.plain.append(ask("block", seconds=BLOCK_S)["durations"])
        blocks.profiled.append(ask("profiled", seconds=BLOCK_S))
        blocks.plain.append(ask("block", seconds=BLOCK_S)["durations"])
        blocks.event_us.append(ask("calibrate")["event_us"])
        blocks.exchanges_us.append(max(before_us, ask("exchange")["exchange_us"]))
        blocks.probes_s.append(max(before_s, self._bubbles.probe()))

    @property
    def have_time(self) -> bool:
        """Whether there may be another."""
        if self.failure:
            return False
        if (rounds := len(self.blocks.probes_s)) < self._plan.least_rounds:
            return True
        seconds = self._plan.seconds * (1.0 if self._enough_count else PATIENCE)
        return self.blocks.seconds * (rounds + 1) / rounds <= seconds

    @property
    def are_enough(self) -> bool:
        """Whether there need be no more: the step is known, or the time is over."""
        if not self.have_time:
            return True
        if not self._enough_count:
            return False
        together_so_far = steady_together([*self._earlier, self.blocks], self._fastest_us)
        return half_width(together_so_far.block_means_s) <= self._plan.precision

    @property
    def _enough_count(self) -> bool:
        if len(self.blocks.probes_s) < self._plan.least_rounds:
            return False
        limit_us = slowest_exchange_us([self.blocks], self._fastest_us)
        return len(self.blocks.quick(limit_us).unchanged().probes_s) >= self._plan.least_rounds


def measure_in_turn(workers: Sequence[Rounds]) -> None:
    """A round of each worker after another until all have enough, so that a machine which is
    faster in one minute than in the next is so for all of them."""
    while not all(rounds.are_enough for rounds in workers):
        for rounds in workers:
            if rounds.have_time:
                rounds.another()


def fastest_exchange_us(passes: Sequence[Blocks], known_us: float = math.inf) -> float:
    """The fastest of ``known_us`` and, of each pass, the 5th percentile of its exchanges;
    infinite where there is none."""
    quantiles = [
        float(np.quantile(blocks.exchanges_us, PROBE_QUANTILE))
        for blocks in passes
        if blocks.exchanges_us
    ]
    return min([known_us, *quantiles])


def slowest_exchange_us(passes: Sequence[Blocks], known_us: float = math.inf) -> float:
    """Above it the cores exchange slowly: 1.25 x :func:`fastest_exchange_us`."""
    return PROBE_FACTOR * fastest_exchange_us(passes, known_us)


def steady_together(passes: Sequence[Blocks], known_us: float = math.inf) -> Blocks:
    """The rounds that count, of all passes: cores that exchange slowly would make a mean of two
    speeds. Where hardly any round was spared, those in which the machine changed count too, and
    where hardly any then, those in which they did exchange slowly."""
    limit_us = slowest_exchange_us(passes, known_us)
    quick = [blocks.quick(limit_us) for blocks in passes]
    for found in ([blocks.unchanged() for blocks in quick], quick):
        steady = together(found)
        if len(steady.probes_s) >= LEAST_STEADY:
            return steady
    return together([blocks.quick() for blocks in passes])


def apart_s(passes: Sequence[Blocks], known_us: float = math.inf) -> float:
    """What rounds in which the cores exchanged slowly add to the mean step; nothing where they
    count."""
    limit_us = slowest_exchange_us(passes, known_us)
    near = together([blocks.quick(limit_us).unchanged() for blocks in passes])
    every = together([blocks.quick().unchanged() for blocks in passes])
    if len(near.probes_s) < LEAST_STEADY:
        return 0.0
    return max(0.0, every.mean_s - near.mean_s)


def together(passes: Sequence[Blocks]) -> Blocks:
    """The blocks of several workers as one; each worker's probes are compared with its own."""
    return Blocks(
        [probe for blocks in passes for probe in blocks.probes_s],
        [block for blocks in passes for block in blocks.plain],
        [block for blocks in passes for block in blocks.profiled],
        math.fsum(blocks.seconds for blocks in passes),
        [cost for blocks in passes for cost in blocks.event_us],
        [each_us for blocks in passes for each_us in blocks.exchanges_us],
    )


def unlikeness(passes: Sequence[Blocks], known_us: float = math.inf) -> float:
    """How far the largest mean step of any pass is above the smallest, as a fraction of it: of
    all their rounds, but of those with fast exchange alone where every pass has some."""
    limit_us = slowest_exchange_us(passes, known_us)
    steady = [blocks.quick(limit_us).unchanged() for blocks in passes]
    compared = steady if all(blocks.plain for blocks in steady) else passes
    means = [statistics.fmean(blocks.block_means_s) for blocks in compared]
    return max(means) / min(means) - 1.0
