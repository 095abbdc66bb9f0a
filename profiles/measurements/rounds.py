"""Rounds of blocks: the step without PyTorch's profiler, with it, and without it again.

Each round begins and ends with a probe of the machine and, if the step has several threads, of the
speed at which their cores exchange data. Rounds in which either was slow at either end are
separated, and so are those whose blocks show that the machine changed in between, and those in
which the worker's threads waited for their cores. Rounds follow until the mean step is precise
enough or their time is over.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from profiles.machines.bubble import Bubbles
from profiles.machines.kept_waiting import Waiting
from profiles.measurements.blocks import Blocks, slowest_exchange_us, steady_together
from profiles.measurements.interval import half_width
from rmixer.errors import RunFailed
from rmixer.training.process import WorkerProcess
from rmixer.training.task_failure import as_failure

BLOCK_S = 0.1
CALIBRATED_EVERY = 3
"""Rounds between two measurements of the profiler's cost of an event, which takes as long as a
block and changes little."""
PATIENCE = 2.0
"""Factor on the seconds of a worker's rounds on a machine that is not steady."""


@dataclass(frozen=True)
class Plan:
    """The settings of a measurement: rounds until half the 95% interval of the mean is at most
    ``precision`` of it, at least ``least_rounds`` and, unless these take longer, at most
    ``seconds`` in each of two workers, one after the other; with bubbles if ``neighbours``, for up
    to ``sweep_seconds`` a sweep. A command job's program is run for ``command_seconds`` from its
    first step on, and fails if it does none within ``start_limit_s``."""

    precision: float = 0.02
    least_rounds: int = 2
    seconds: float = 2.5
    neighbours: bool = True
    sweep_seconds: float = 20.0
    command_seconds: float = 30.0
    start_limit_s: float = 300.0


class Rounds:
    """The rounds of one worker in a profiling session by ``plan``: until the mean step is known,
    with those of ``earlier`` workers; up to twice as long if too few of its own count, because the
    machine is not steady, or its cores exchange slowly compared with the fastest exchange of this
    number of threads. A worker that fails has no more: ``failure`` is the reason."""

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
        """Takes one more round."""
        begin_s = time.perf_counter()
        try:
            self._take()
        except Exception as error:  # whatever it was, it is this worker's alone
            self.failure = as_failure(error)
        self.blocks.seconds += time.perf_counter() - begin_s

    def _take(self) -> None:
        blocks, ask = self.blocks, self._worker.ask
        before_s, before_us = self._bubbles.probe(), ask("exchange")["exchange_us"]
        waiting = Waiting(self._worker)
        blocks.plain.append(ask("block", seconds=BLOCK_S)["durations"])
        blocks.profiled.append(ask("profiled", seconds=BLOCK_S))
        blocks.plain.append(ask("block", seconds=BLOCK_S)["durations"])
        blocks.waited.append(waiting.share())
        is_due = len(blocks.event_us) % CALIBRATED_EVERY == 0
        blocks.event_us.append(ask("calibrate")["event_us"] if is_due else None)
        blocks.exchanges_us.append(max(before_us, ask("exchange")["exchange_us"]))
        blocks.probes_s.append(max(before_s, self._bubbles.probe()))

    @property
    def have_time(self) -> bool:
        """True if there may be another."""
        if self.failure:
            return False
        if (rounds := len(self.blocks.probes_s)) < self._plan.least_rounds:
            return True
        seconds = self._plan.seconds * (1.0 if self._enough_count else PATIENCE)
        return self.blocks.seconds * (rounds + 1) / rounds <= seconds

    @property
    def are_enough(self) -> bool:
        """True if no more are needed: the step is known, or the time is over."""
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
        counted = self.blocks.undisturbed().quick(limit_us).unchanged()
        return len(counted.probes_s) >= self._plan.least_rounds


def measure_in_turn(workers: Sequence[Rounds]) -> None:
    """Takes a round of each worker in turn until all have enough, so that a machine which is faster
    in one minute than in the next affects all equally."""
    while not all(rounds.are_enough for rounds in workers):
        for rounds in workers:
            if rounds.have_time:
                rounds.another()
