"""The objective of a schedule."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # with numba, which is slow to import
    from sim.operator_level.instruction_tables import Floats
    from sim.planning.evaluator import Judged

Objective = Literal["makespan", "completion"]
"""The makespan, or the mean of the jobs' completion times, each from its arrival."""
SECOND = 0.02
"""The weight of the other objective, which decides between schedules of equal objective."""


def score(objective: Objective, judged: Judged, arrivals_s: Floats) -> float:
    """The value to minimise, in seconds: the objective, and a little of the other one. Only jobs
    that end count; infinite if a planned one does not."""
    if judged.makespan_s == inf:
        return inf
    completions_s = judged.ends_s - arrivals_s
    mean_s = float(completions_s[judged.ends_s < inf].mean())
    if objective == "completion":
        return mean_s + SECOND * judged.makespan_s
    return judged.makespan_s + SECOND * mean_s
