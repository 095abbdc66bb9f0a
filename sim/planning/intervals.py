"""How far a predicted schedule may be off: 90% intervals by seeded draws.

Each draw multiplies what a unit of work takes by three factors: one for each cost identity, by how
precisely its step was measured and how far its two workers were apart; one for each mix, by what
averaging over start offsets leaves; and one for the machine, by how far two executions of one
schedule differ on it. They are log-normal and independent. What the model leaves out is in none of
them: `rmixer validate` says how often a measured value fell inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from random import Random

import numpy as np

from rmixer.profile.profile import ModelProfile
from rmixer.scheduling.problem import Problem
from rmixer.scheduling.schedule import Schedule
from rmixer.scheduling.step_times import Mix
from sim.operator_level.instruction_tables import Floats
from sim.operator_level.operator_level import OperatorLevel
from sim.planning.evaluator import Evaluator, Judged

DRAWS = 200
LOW, HIGH = 0.05, 0.95
OF_95 = 1.96
"""Half a 95% interval in standard deviations."""
BATCH_ERROR = 0.03
"""The standard deviation of a step that was predicted from other batch sizes, as a fraction: left
out in turn, measured sizes are predicted within 5.8%."""
Range = tuple[float, float]


@dataclass(frozen=True)
class Intervals:
    """90% intervals of the makespan in seconds, and by job: of its completion and, as a factor of
    what is predicted, of its steps."""

    makespan_s: Range
    completion_s: Mapping[str, Range]
    step: Mapping[str, Range]


def intervals(
    problem: Problem, schedule: Schedule, step_times: OperatorLevel, noise: float = 0.0
) -> Intervals | None:
    """The intervals of ``schedule``; ``noise`` is how far two executions of one schedule differ on
    this machine, as a fraction. None if a profile was not measured: nothing is known of it."""
    spread = {each.key: _spread(each.profile, problem) for each in problem.jobs}
    if any(value is None for value in spread.values()):
        return None
    known = {key: value or 0.0 for key, value in spread.items()}
    evaluator = Evaluator(problem, schedule.settings.layout, step_times)
    draw = Random(problem.workload.seed)

    def factors(mixes: Sequence[Mix]) -> Iterator[Floats]:
        width = max(len(mix.members) for mix in mixes)
        averaged = [step_times.precision(mix).half_width / OF_95 for mix in mixes]
        for _ in range(DRAWS):
            machine = draw.lognormvariate(0.0, noise / sqrt(2))
            by_identity = {key: draw.lognormvariate(0.0, sigma) for key, sigma in known.items()}
            found = np.ones((len(mixes), width))
            for row, (mix, sigma) in enumerate(zip(mixes, averaged, strict=True)):
                shared = machine * draw.lognormvariate(0.0, sigma)
                for column, member in enumerate(mix.members):
                    found[row, column] = shared * by_identity[member.identity]
            yield found

    base = evaluator.judge(schedule.dispatches)
    return _ranges(problem, base, evaluator.draws(schedule.dispatches, factors))


def _ranges(problem: Problem, base: Judged, drawn: Sequence[Judged]) -> Intervals:
    ends = np.array([each.ends_s - each.starts_s.min() for each in drawn])
    lasted = np.array([each.ends_s - each.starts_s for each in drawn])
    step = lasted / (base.ends_s - base.starts_s)
    names = [each.job.id for each in problem.jobs]
    return Intervals(
        _range(np.array([each.makespan_s for each in drawn])),
        {name: _range(ends[:, place]) for place, name in enumerate(names)},
        {name: _range(step[:, place]) for place, name in enumerate(names)},
    )


def _range(values: Floats) -> Range:
    low, high = np.quantile(values, (LOW, HIGH))
    return float(low), float(high)


def _spread(profile: ModelProfile, problem: Problem) -> float | None:
    """The standard deviation of a step, as a fraction of it; None if it was not measured. How far
    two workers are apart is a property of the machine: that of all profiles together."""
    measured = [step.measurement for step in profile.steps if step.measurement is not None]
    if profile.predicted_from:
        return BATCH_ERROR
    if profile.origin != "measured" or not measured:
        return None
    half_width = max(each.half_width for each in measured) / OF_95
    return sqrt(half_width**2 + _between_workers(problem) ** 2)


def _between_workers(problem: Problem) -> float:
    apart = [
        step.measurement.repeatability
        for each in problem.jobs
        for step in each.profile.steps
        if step.measurement is not None
    ]
    return sqrt(sum(each**2 for each in apart) / len(apart) / 2) if apart else 0.0
