"""Compares every policy on a few layouts of several machines in simulation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from experiments.run_files.policy_rows import PolicyRow
from experiments.stages.candidates import BASELINE, candidates, layout_of
from experiments.stages.prediction import step_times_for
from rmixer.errors import InputError, RunFailed
from rmixer.policies import every_policy, make_policy
from rmixer.scheduling.admission import check_peaks
from rmixer.scheduling.layout import Cut
from rmixer.scheduling.problem import Problem
from sim.job_level.simulate import SimulatedRun, simulate


def compare_policies(
    problem: Problem, cuts: Sequence[Cut], progress: Callable[[int, int], None]
) -> list[PolicyRow]:
    """A row for every policy on every one of ``cuts``, each mix solved. ``progress`` is called with
    (done, total)."""
    step_times = step_times_for(problem)

    def run(name: str, cut: Cut) -> SimulatedRun:
        policy = make_policy(name, problem.workload.seed)
        found = simulate(problem, policy, layout_of(problem, policy, cut), step_times, level="job")
        check_peaks(found.summary, problem.machine)
        return found

    alone_s = run(BASELINE, cuts[0]).summary.makespan_s
    tried = candidates(problem, tuple(every_policy()), cuts)
    rows = []
    for number, candidate in enumerate(tried):
        progress(number, len(tried))
        row = PolicyRow(
            problem.workload.name,
            problem.machine.name,
            len(problem.machine.gpus),
            candidate.policy,
            *vars(candidate.cut).values(),
        )
        try:
            summary = run(candidate.policy, candidate.cut).summary
        except (RunFailed, InputError) as error:
            rows.append(replace(row, why=str(error)))
            continue
        rows.append(
            replace(
                row,
                makespan_s=summary.makespan_s,
                speedup=alone_s / summary.makespan_s,
                mean_completion_s=summary.completion_mean_s,
                p95_completion_s=summary.completion_p95_s,
            )
        )
    return rows
