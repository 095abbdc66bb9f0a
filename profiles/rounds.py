"""Rounds of blocks: the step without PyTorch's profiler, with it, and without it again.

Each round begins and ends with a probe of the machine; rounds in which it was slow at either end
are kept apart. Rounds follow until the mean step is known well enough or their time is over.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from profiles.bubble import Bubbles
from profiles.precision import half_width, steady_rounds
from rmixer.step_statistics import stall_limit_s, step_statistics
from rmixer.training.process import WorkerProcess

BLOCK_S = 0.1


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
    one each, and what an event cost the profiler at that time."""

    probes_s: list[float] = field(default_factory=list)
    plain: list[list[float]] = field(default_factory=list)
    profiled: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    event_us: list[float] = field(default_factory=list)

    def steady(self) -> Blocks:
        """Those of the rounds in which the machine was not slow."""
        kept = steady_rounds(self.probes_s).kept
        return Blocks(
            [self.probes_s[i] for i in kept],
            [self.plain[2 * i + half] for i in kept for half in (0, 1)],
            [self.profiled[i] for i in kept],
            self.seconds,
            [self.event_us[i] for i in kept],
        )

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


def measure_rounds(worker: WorkerProcess, bubbles: Bubbles, plan: Plan) -> Blocks:
    """Rounds of a worker in a profiling session, as ``plan`` has them."""
    blocks = Blocks()
    begin_s = time.perf_counter()
    while not _is_enough(blocks, plan):
        before_s = bubbles.probe()
        blocks.plain.append(worker.ask("block", seconds=BLOCK_S)["durations"])
        blocks.profiled.append(worker.ask("profiled", seconds=BLOCK_S))
        blocks.plain.append(worker.ask("block", seconds=BLOCK_S)["durations"])
        blocks.event_us.append(worker.ask("calibrate")["event_us"])
        blocks.probes_s.append(max(before_s, bubbles.probe()))
        blocks.seconds = time.perf_counter() - begin_s
    return blocks


def _is_enough(blocks: Blocks, plan: Plan) -> bool:
    rounds = len(blocks.probes_s)
    if rounds < plan.least_rounds:
        return False
    another_s = blocks.seconds / rounds
    if blocks.seconds + another_s > plan.seconds:
        return True
    return half_width(blocks.steady().block_means_s) <= plan.precision


def together(passes: Sequence[Blocks]) -> Blocks:
    """The blocks of several workers as one; each worker's probes are compared with its own."""
    return Blocks(
        [probe for blocks in passes for probe in blocks.probes_s],
        [block for blocks in passes for block in blocks.plain],
        [block for blocks in passes for block in blocks.profiled],
        math.fsum(blocks.seconds for blocks in passes),
        [cost for blocks in passes for cost in blocks.event_us],
    )


def unlikeness(passes: Sequence[Blocks]) -> float:
    """How far the largest mean step of any pass is above the smallest, as a fraction of it."""
    means = [statistics.fmean(blocks.block_means_s) for blocks in passes]
    return max(means) / min(means) - 1.0
