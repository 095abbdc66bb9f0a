"""The objective of a schedule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Literal

import numpy as np

from rmixer.errors import InputError
from rmixer.workload.workload import Job

if TYPE_CHECKING:  # with numba, which is slow to import
    from sim.operator_level.instruction_tables import Floats
    from sim.planning.evaluator import Judged

Objective = Literal["makespan", "completion", "weighted_completion", "tardiness"]
"""The makespan; the mean of the jobs' completion times, each from its arrival; the same weighted by
the jobs' ``weight``; or the total time by which jobs end after their ``deadline_s``, each job's
times its ``weight``."""
FIGURES = {
    "makespan": "makespan_s",
    "completion": "mean_completion_s",
    "weighted_completion": "weighted_completion_s",
    "tardiness": "tardiness_s",
}
"""The key of the figure of each objective."""
SECOND = 0.02
"""The weight of a second objective, which decides between schedules of equal objective: of the
makespan, or of the mean completion if the makespan is the objective."""
TIE = 1e-3
"""Its weight beside the tardiness, which often is 0."""


def in_words(objective: Objective) -> str:
    """The figure of ``objective`` in words: ``mean completion``."""
    return FIGURES[objective].removesuffix("_s").replace("_", " ")


def check_objective(objective: Objective, jobs: Iterable[Job]) -> None:
    """Raises :class:`InputError` if ``jobs`` lack the weights or deadlines of ``objective``."""
    known = list(jobs)
    if objective == "weighted_completion" and all(job.weight == 1.0 for job in known):
        found = "weighted_completion, and no job has a weight but 1"
        allowed = "completion, or a job with a `weight`"
    elif objective == "tardiness" and all(job.deadline_s is None for job in known):
        found, allowed = "tardiness, and no job has a deadline", "a job with a `deadline_s`"
    else:
        return
    raise InputError("--objective", "", found, allowed)


@dataclass(frozen=True, eq=False)
class Goal:
    """The arrivals of jobs, their weights, and their deadlines, in seconds of the run; infinite for
    no deadline."""

    arrivals_s: Floats
    weights: Floats
    due_s: Floats

    @classmethod
    def of(cls, jobs: Sequence[Job]) -> Goal:
        """The goal of ``jobs``."""
        due_s = [inf if job.deadline_s is None else job.deadline_s for job in jobs]
        arrivals_s, weights = ([getattr(j, n) for j in jobs] for n in ("arrival_s", "weight"))
        return cls(np.array(arrivals_s), np.array(weights), np.array(due_s))

    def value_s(self, objective: Objective, makespan_s: float, ends_s: Floats) -> float:
        """The figure of a schedule of ``makespan_s`` by ``objective``. Jobs end at ``ends_s`` of
        the run; those that never do have an infinite one, and do not count."""
        if objective == "makespan":
            return makespan_s
        ended = ends_s < inf
        ends_s, weights = ends_s[ended], self.weights[ended]
        if objective == "tardiness":
            return float(weights @ np.maximum(0.0, ends_s - self.due_s[ended]))
        completions_s = ends_s - self.arrivals_s[ended]
        if objective == "completion":
            return float(completions_s.mean())
        return float(weights @ completions_s / weights.sum())

    def score(self, objective: Objective, judged: Judged) -> float:
        """The value to minimise, in seconds: the objective, and a little of another one. Only jobs
        that end count; infinite if a planned one does not."""
        if judged.makespan_s == inf:
            return inf
        value_s = self.value_s(objective, judged.makespan_s, judged.ends_s)
        if objective == "makespan":
            second_s = self.value_s("completion", judged.makespan_s, judged.ends_s)
            return value_s + SECOND * second_s
        return value_s + (TIE if objective == "tardiness" else SECOND) * judged.makespan_s
