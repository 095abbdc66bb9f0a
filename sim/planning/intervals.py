"""The uncertainty of a predicted schedule: 90% intervals by seeded draws.

Each draw multiplies the figures of profiles and mixes by factors that are log-normal and
independent::

    work of a job     machine x step x profiler's worker x job's own worker

    unit in a mix     averaging

``step`` is one for each cost identity, device and count of threads: the precision of its mean. Two
workers measured a profile in turn, and a third one runs the job: ``profiler's worker`` is the mean
of two, one for all jobs of an identity, and each job draws its own. ``averaging`` is the error left
by averaging over start offsets of each mix. ``machine`` is one for all: the difference between two
executions of one schedule. Errors of the model itself are in none of them: `rmixer validate` shows
how often a measured value fell inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log1p, sqrt
from random import Random

import numpy as np

from rmixer.run_record.run_summary import Range, RunSummary
from rmixer.scheduling.problem import Problem
from rmixer.scheduling.schedule import Schedule, ScheduledJob
from rmixer.scheduling.step_times import Mix
from sim.demand.resident import device_kind
from sim.operator_level.instruction_tables import Floats
from sim.operator_level.operator_level import OperatorLevel
from sim.planning.evaluator import Evaluator, Factors

DRAWS = 200
LOW, HIGH = 0.05, 0.95
OF_95 = 1.96
"""Half a 95% interval in standard deviations."""
BATCH_ERROR = 0.03
"""The standard deviation of a step that was predicted from other batch sizes, as a fraction: left
out in turn, nearly all measured sizes are predicted within 8% (docs/explanation/batch_sizes.md)."""
Step = tuple[str, str, int]


@dataclass(frozen=True)
class Intervals:
    """90% intervals as factors of the prediction: of the makespan, and by job of its end (from the
    first start on) and of its steps. ``noise`` is the assumed variation of the machine."""

    makespan: Range
    end: Mapping[str, Range]
    step: Mapping[str, Range]
    noise: float

    def around(self, summary: RunSummary) -> RunSummary:
        """``summary``, a prediction, with its intervals, rounded to 1e-9."""

        def of(value: float | None, factors: Range) -> Range | None:
            if value is None:
                return None
            return round(value * factors[0], 9), round(value * factors[1], 9)

        jobs = tuple(
            replace(
                job,
                end_interval_s=of(job.end_s, self.end[job.id]),
                step_interval_ms=of(job.step_ms_p50, self.step[job.id]),
            )
            for job in summary.jobs
        )
        makespan = of(summary.makespan_s, self.makespan)
        return replace(summary, jobs=jobs, makespan_interval_s=makespan, machine_noise=self.noise)


def intervals(problem: Problem, schedule: Schedule, step_times: OperatorLevel) -> Intervals | None:
    """The intervals of ``schedule``, which is replayed at the job level. None if the error of one
    of its steps is unknown (it was modelled, imported or given by a table), or if a dispatch takes
    less than its slot has, or several devices."""
    layout = schedule.settings.layout
    whole = {(entry.device, entry.threads, entry.sharing) for entry in layout.devices}
    dispatches = sorted(schedule.dispatches, key=lambda each: each.order)
    steps: dict[str, Step] = {}
    spreads: dict[Step, float] = {}
    for each in dispatches:
        step = (problem.by_id[each.job].key, device_kind(each.devices[0]), each.threads)
        spread = _spread(problem, step)
        if spread is None or (*each.devices, each.threads, each.sharing) not in whole:
            return None
        steps[each.job], spreads[step] = step, spread
    worker = _between_workers(problem, dispatches)
    machine = problem.noise / sqrt(2)
    draw = Random(problem.workload.seed)

    def factors(mixes: Sequence[Mix]) -> Iterator[Factors]:
        averaged = [step_times.precision(mix).half_width / OF_95 for mix in mixes]
        for _ in range(DRAWS):
            every = draw.lognormvariate(0.0, machine)
            of_step = {
                step: every * draw.lognormvariate(0.0, sqrt(sigma**2 + worker**2 / 2))
                for step, sigma in spreads.items()
            }
            own = [
                of_step[steps[each.job.id]] * draw.lognormvariate(0.0, worker)
                for each in problem.jobs
            ]
            in_mix = [draw.lognormvariate(0.0, sigma) for sigma in averaged]
            yield Factors(np.array(own), np.array(in_mix))

    evaluator = Evaluator(problem, layout, step_times, schedule.settings.memory)
    base = evaluator.judge(dispatches)
    drawn = evaluator.draws(dispatches, factors)
    ends_s = np.array([each.ends_s - each.starts_s.min() for each in drawn])
    lasted_s = np.array([each.ends_s - each.starts_s for each in drawn])
    makespans_s = np.array([each.makespan_s for each in drawn])
    names = [each.job.id for each in problem.jobs]
    return Intervals(
        _ranges(makespans_s[:, None], np.array([base.makespan_s]))[0],
        dict(zip(names, _ranges(ends_s, base.ends_s - base.starts_s.min()), strict=True)),
        dict(zip(names, _ranges(lasted_s, base.ends_s - base.starts_s), strict=True)),
        problem.noise,
    )


def _ranges(values: Floats, base: Floats) -> list[Range]:
    """The 90% intervals of the columns of ``values``, as factors of ``base``."""
    low, high = np.quantile(values, (LOW, HIGH), axis=0) / np.where(base > 0, base, 1.0)
    return list(zip(low.tolist(), high.tolist(), strict=True))


def _spread(problem: Problem, step: Step) -> float | None:
    """The standard deviation of the mean of a step as a fraction of it; None if unknown."""
    key, kind, threads = step
    profile = problem.profiles[key]
    measurement = profile.step(kind, threads).measurement
    if profile.origin != "measured":
        return None
    if profile.predicted_from:
        return BATCH_ERROR
    return None if measurement is None else measurement.half_width / OF_95


def _between_workers(problem: Problem, dispatches: Sequence[ScheduledJob]) -> float:
    """The standard deviation of one worker's mean step, as a fraction. It is a property of the
    machine more than of a step, so it comes from all profiles together on the devices and with the
    threads of the ``dispatches``. The logarithms of two workers differ by its square root of 2."""
    used = {(device_kind(each.devices[0]), each.threads) for each in dispatches}
    apart = [
        log1p(step.measurement.repeatability)
        for profile in problem.profiles.values()
        for step in profile.steps
        if step.measurement is not None and step.place in used
    ]
    return sqrt(sum(each**2 for each in apart) / len(apart) / 2) if apart else 0.0
