"""Runs a job of a few steps exactly like the executor, to measure its phases and its warm-up."""

from __future__ import annotations

import dataclasses
import math
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from pathlib import Path

import numpy as np

from profiles.machines.kept_waiting import MOST_WAITED, Waiting
from rmixer.training.job_files import JobFiles
from rmixer.training.process import WorkerProcess
from rmixer.training.task_failure import failure_of
from rmixer.training.tasks import TRAIN_JOB
from rmixer.training.trained_job import WARMUP_STEPS
from rmixer.workload.workload import Job

MEASURED_STEPS = 20
"""After these the memory has nearly stopped growing (:mod:`profiles.memory.worker_heap`),"""
FIRST_STEPS = 12
"""after these most of the way, for which slow steps have time."""
REPEATS = 2
REPEATED_S = 3.0


@dataclass(frozen=True)
class PhaseTimes:
    """Seconds of each phase except training, and of each of the first steps. Also the worker's peak
    memory (resident; on a GPU by torch's allocator), and the share of time that it waited for its
    cores."""

    build_s: float
    evaluate_s: float
    save_s: float
    first_steps_s: tuple[float, ...]
    peak_bytes: int
    waited: float = 0.0

    @property
    def seconds(self) -> float:
        """The sum of all phases."""
        return math.fsum((self.build_s, *self.first_steps_s, self.evaluate_s, self.save_s))


def measure_phases(
    worker: WorkerProcess,
    job: Job,
    device: str = "cpu",
    hear_step_s: Callable[[float], None] = lambda step_s: None,
    first_steps: int = FIRST_STEPS,
) -> PhaseTimes:
    """The median of short runs of ``job`` on ``device`` in a warm worker (of one if that takes
    seconds), of those in which it had its cores if there are any; the peak is the highest.
    ``hear_step_s`` gets the time of a step early. The first run has ``first_steps``: few if the
    peak is not needed, many if nothing else is."""
    # What phases cost is known even of a job that learns nothing.
    job = dataclasses.replace(job, on_nan="go_on")
    first, job = (dataclasses.replace(job, steps=n) for n in (first_steps, MEASURED_STEPS))
    with tempfile.TemporaryDirectory(prefix="rmixer-") as folder:
        path = Path(folder) / "model.pt"
        runs = [_one_run(worker, first, path, device, hear_step_s)]
        if runs[0].seconds * REPEATS < REPEATED_S:
            runs += [_one_run(worker, job, path, device) for _ in range(REPEATS)]
    peak_bytes = max(run.peak_bytes for run in runs)
    runs = [run for run in runs if run.waited <= MOST_WAITED] or runs
    by_step = zip_longest(*(run.first_steps_s for run in runs))
    return PhaseTimes(
        build_s=statistics.median(run.build_s for run in runs),
        evaluate_s=statistics.median(run.evaluate_s for run in runs),
        save_s=statistics.median(run.save_s for run in runs),
        first_steps_s=tuple(
            statistics.median(time for time in times if time is not None) for times in by_step
        ),
        peak_bytes=peak_bytes,
        waited=max(run.waited for run in runs),
    )


def bare(job: Job) -> Job:
    """``job`` with each phase once, one after the other: evaluations and saves in between are
    computed from these."""
    return dataclasses.replace(job, evaluate=None, stop=None, lr_schedule=None)


def _one_run(
    worker: WorkerProcess,
    job: Job,
    path: Path,
    device: str,
    hear_step_s: Callable[[float], None] | None = None,
) -> PhaseTimes:
    told = {"job": bare(job), "files": JobFiles(str(path)), "device": device}
    waiting = Waiting(worker)
    worker.start(TRAIN_JOB, **told)
    begins: list[tuple[str, float]] = []
    ends: list[float] = []
    while True:
        message = worker.answer(600)
        if message["kind"] == "failed":
            raise failure_of(message)
        if message["kind"] == "phase":
            begins.append((message["phase"], message["at"]))
        elif message["kind"] == "steps":
            ends.extend(message["ends"])
            if hear_step_s and len(ends) >= WARMUP_STEPS:
                hear_step_s(min(_between(ends)))
                hear_step_s = None
        elif message["kind"] == "done":
            moments = [at for _, at in begins] + [message["at"]]
            names = (phase for phase, _ in begins)
            phases_s = dict(zip(names, _between(moments), strict=True))
            steps_s = tuple(_between([dict(begins)["warmup"], *ends]))
            answer = message["answer"]
            peak_bytes = answer["peak_bytes" if device == "cpu" else "gpu_bytes"]
            build_s, evaluate_s, save_s = (phases_s[each] for each in ("build", "evaluate", "save"))
            return PhaseTimes(build_s, evaluate_s, save_s, steps_s, peak_bytes, waiting.share())


def _between(moments: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(moments)]


LEAST_FIRST_STEPS = 2
"""A worker that profiles runs at least this many steps before one is counted."""
WINDOW = 3
TOLERANCE = 0.15


def warm_up_steps(durations_s: Sequence[float], settled_s: float) -> int:
    """The number of first steps that are slower than the job's settled step.

    Warm-up ends with the last slow step of the last window of three whose median is over 15% above
    ``settled_s``: one slow step later is noise. The very first step is judged alone, because it
    includes all that is created once.
    """
    times = np.asarray(durations_s, dtype=np.float64)
    limit = (1.0 + TOLERANCE) * settled_s
    windows = range(times.size - WINDOW + 1)
    slow = [at for at in windows if float(np.median(times[at : at + WINDOW])) > limit]
    # Of the last slow window the last slow step: the others in it are as fast as the rest.
    ends = [at + int(np.flatnonzero(times[at : at + WINDOW] > limit)[-1]) + 1 for at in slow]
    if times.size and times[0] > limit:
        ends.append(1)
    return max(ends, default=0)
