"""Explains the prediction in a run folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from experiments.explaining.company import company_of
from experiments.explaining.explanation import Explanation
from experiments.explaining.limits import limits_of
from experiments.explaining.resource_use import resource_use
from experiments.stages.predicted_run import predicted_run
from experiments.stages.stand_in import decider_of
from experiments.stages.variants import outlook_of


def explain(
    path: Path,
    report: Callable[[str], None],
    progress: Callable[[int, int], None],
    machine: str | None = None,
) -> Explanation:
    """Explains the prediction of the run in ``path``. Raises as
    :func:`~experiments.stages.predicted_run.predicted_run`."""
    run = predicted_run(path, report, machine)
    problem, summary = run.problem, run.summary
    use = resource_use(problem, run.layout, run.timeline, summary)
    return Explanation(
        workload=problem.workload.name,
        machine=problem.machine.in_words,
        policy=run.policy,
        cut=str(run.cut),
        limits=limits_of(problem, run.layout, summary, use),
        company=company_of(problem, run.timeline, summary),
        outlook=outlook_of(run, decider_of(run), report, progress),
    )
