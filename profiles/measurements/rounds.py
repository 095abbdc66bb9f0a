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
from profiles.measurements.quiet_rounds import (
    Pass,
    Round,
    block_means_s,
    half_width,
    quiet,
    without_fault,
)
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
        earlier: Sequence[Pass] = (),
    ) -> None:
        self.taken: list[Round] = []
        self.failure: RunFailed | None = None
        self._worker, self._bubbles, self._plan = worker, bubbles, plan
        self._fastest_us, self._earlier = fastest_exchange_us, earlier

    def another(self) -> None:
        """Takes one more round."""
        try:
            self.taken.append(self._take())
        except Exception as error:  # whatever it was, it is this worker's alone
            self.failure = as_failure(error)

    def _take(self) -> Round:
        begin_s, ask = time.perf_counter(), self._worker.ask
        before_s, before_us = self._bubbles.probe(), ask("exchange")["exchange_us"]
        waiting = Waiting(self._worker)
        first = ask("block", seconds=BLOCK_S)["durations"]
        profiled = ask("profiled", seconds=BLOCK_S)
        last = ask("block", seconds=BLOCK_S)["durations"]
        waited = waiting.share()
        is_due = len(self.taken) % CALIBRATED_EVERY == 0
        event_us = ask("calibrate")["event_us"] if is_due else None
        exchange_us = max(before_us, ask("exchange")["exchange_us"])
        probe_s = max(before_s, self._bubbles.probe())
        seconds = time.perf_counter() - begin_s
        return Round((first, last), profiled, probe_s, event_us, exchange_us, waited, seconds)

    @property
    def have_time(self) -> bool:
        """True if there may be another."""
        if self.failure:
            return False
        if (rounds := len(self.taken)) < self._plan.least_rounds:
            return True
        seconds = self._plan.seconds * (1.0 if self._enough_count else PATIENCE)
        return math.fsum(each.seconds for each in self.taken) * (rounds + 1) / rounds <= seconds

    @property
    def are_enough(self) -> bool:
        """True if no more are needed: the step is known, or the time is over."""
        if not self.have_time:
            return True
        if not self._enough_count:
            return False
        so_far = quiet([*self._earlier, self.taken], self._fastest_us)
        return half_width(block_means_s(so_far)) <= self._plan.precision

    @property
    def _enough_count(self) -> bool:
        return len(without_fault(self.taken, self._fastest_us)) >= self._plan.least_rounds


def measure_in_turn(workers: Sequence[Rounds]) -> None:
    """Takes a round of each worker in turn until all have enough, so that a machine which is faster
    in one minute than in the next affects all equally."""
    while not all(rounds.are_enough for rounds in workers):
        for rounds in workers:
            if rounds.have_time:
                rounds.another()
