"""The candidates of a sweep: policies on layouts, each simulated to a row."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from experiments.run_files.sweep_file import PRECISION, SweepRow
from experiments.stages.layouts import profiled_threads
from experiments.stages.prediction import rough_times
from rmixer.errors import InputError, PolicyFailed, PolicyWrong, RunFailed
from rmixer.policies import Policy, make_policy
from rmixer.policies.baselines.planned import Planned
from rmixer.run_record.run_summary import RunSummary
from rmixer.scheduling.admission import check_peaks
from rmixer.scheduling.asking import ask_layout
from rmixer.scheduling.layout import Cut, Layout
from rmixer.scheduling.problem import Problem
from rmixer.scheduling.schedule import Schedule, schedule_of
from rmixer.scheduling.step_times import StepTimes
from rmixer.workload.workload import Job
from sim.job_level.simulate import Level, SimulatedRun, simulate
from sim.planning.objective import TIE, Goal, Objective
from sim.planning.two_fidelities import correction, settle

BASELINE = "sequential"
"""The reference of savings and speed-ups."""


@dataclass(frozen=True)
class Candidate:
    """A policy by its full name, on a layout. ``schedule`` is the result of a search (None: a
    policy decides)."""

    policy: str
    layout: Layout
    schedule: Schedule | None = None

    def made(self, seed: int) -> Policy:
        """A new policy object."""
        return make_policy(self.policy, seed) if self.schedule is None else Planned(self.schedule)

    @property
    def batches(self) -> dict[str, int]:
        """The batch of each job whose batch differs from the workload's."""
        return {} if self.schedule is None else self.schedule.batches

    @property
    def cut(self) -> Cut:
        """The slots and threads of the layout."""
        return Cut.of(self.layout)


def candidates(problem: Problem, policies: Sequence[str], cuts: Sequence[Cut]) -> list[Candidate]:
    """Every policy on every cut. A policy with its own way to divide the machine is tried once;
    policies that differ only in their choice among several devices count once on a layout of one
    device."""
    found: dict[tuple[str, Layout], Candidate] = {}
    for cut in cuts:
        for name in policies:
            layout = layout_of(problem, make_policy(name, problem.workload.seed), cut)
            rule_counts = len(layout.devices) > 1
            candidate = Candidate(name if rule_counts else re.sub(r"@\w+", "", name), layout)
            found.setdefault((candidate.policy, layout), candidate)
    return list(found.values())


def layout_of(problem: Problem, policy: Policy, cut: Cut) -> Layout:
    """The layout of ``policy`` on ``cut``, with counts of threads that were profiled."""
    layout = ask_layout(policy, problem.machine, len(problem.jobs), cut)
    return layout.profiled(profiled_threads(problem.profiles.values()))


class Trial:
    """Simulates candidates, and compares them with one job at a time on the layout ``alone``,
    simulated at ``level``."""

    def __init__(
        self, problem: Problem, step_times: StepTimes, alone: Layout, level: Level = "auto"
    ) -> None:
        self._problem = problem
        self.step_times, self.rough = step_times, rough_times(problem, step_times)
        one_by_one = Candidate(BASELINE, alone)
        self.sequential = self.run(one_by_one, step_times, level)
        self.alone_schedule = self.schedule(one_by_one, self.sequential)

    def run(self, candidate: Candidate, times: StepTimes, level: Level) -> SimulatedRun:
        """Simulates a candidate. Raises :class:`RunFailed` if that is impossible."""
        problem = self.problem_of(candidate)
        policy = candidate.made(problem.workload.seed)
        found = simulate(problem, policy, candidate.layout, times, level=level)
        check_peaks(found.summary, problem.machine)
        return found

    def problem_of(self, candidate: Candidate) -> Problem:
        """The jobs at the batches that a candidate has."""
        return self._problem.at(candidate.batches)

    def schedule(self, candidate: Candidate, simulated: SimulatedRun) -> Schedule:
        """The schedule that a candidate made."""
        workload, machine = self._problem.workload, self._problem.machine
        policy = candidate.made(workload.seed)
        found = schedule_of(workload, machine, policy, candidate.layout, simulated.bookings)
        return found.with_batches(candidate.batches)

    def row_of(self, candidate: Candidate, times: StepTimes) -> SweepRow:
        """The row of a candidate by ``times``."""
        try:
            summary = self.run(candidate, times, "job").summary
        except (PolicyFailed, PolicyWrong):
            raise
        except (RunFailed, InputError) as error:
            return self.not_simulated(candidate, str(error))
        return self.filled(candidate, summary)

    def filled(self, candidate: Candidate, summary: RunSummary) -> SweepRow:
        """The row of a candidate whose run came to ``summary``."""
        weighted_s, tardiness_s = wished_figures_s(summary, self._problem.workload.jobs)
        return replace(
            self.not_simulated(candidate, ""),
            makespan_s=summary.makespan_s,
            speedup=self.sequential.summary.makespan_s / summary.makespan_s,
            mean_completion_s=summary.completion_mean_s,
            p95_completion_s=summary.completion_p95_s,
            mean_waiting_s=summary.waiting_mean_s,
            p95_waiting_s=summary.waiting_p95_s,
            weighted_completion_s=weighted_s,
            tardiness_s=tardiness_s,
            peak_bytes=max(device.peak_bytes for device in summary.devices) or None,
            busy={device.name: device.busy_fraction for device in summary.devices},
            level=summary.level,
        )

    def rough_rows(self, piece: Sequence[Candidate]) -> list[SweepRow]:
        """The rows of several candidates by rough step times."""
        return [self.row_of(candidate, self.rough) for candidate in piece]

    def not_simulated(self, candidate: Candidate, why: str) -> SweepRow:
        """The row of a candidate that was left out."""
        slots, batches = vars(candidate.cut), candidate.batches
        seed = self._problem.workload.seed
        return SweepRow(policy=candidate.policy, **slots, seed=seed, why=why, batches=batches)

    def make_precise(
        self, rows: list[SweepRow], tried: Sequence[Candidate], objective: Objective
    ) -> bool:
        """Replaces the rough ``rows`` that can be best, and corrects the others. Returns False if a
        user broke that off: what was replaced by then stays."""
        precise: dict[int, float] = {}

        def precise_s(index: int) -> float | None:
            rows[index] = self.row_of(tried[index], self.step_times)
            if (found := score_s(rows[index], objective)) is not None:
                precise[index] = found
            return found

        before = list(rows)
        scores = ((index, score_s(row, objective)) for index, row in enumerate(rows))
        rough = {index: score for index, score in scores if score is not None}
        whole = True
        try:
            settle(rough, precise_s, PRECISION)
        except KeyboardInterrupt:
            whole = False
        if objective == "tardiness":  # of which no factor tells what times become
            rough = {index: before[index].makespan_s or 0.0 for index in rough}
            precise = {index: rows[index].makespan_s or 0.0 for index in precise}
        factor = correction(rough, precise)
        for index in rough.keys() - precise.keys():
            rows[index] = rows[index].corrected(factor)
        return whole


def score_s(row: SweepRow, objective: Objective) -> float | None:
    """The figure to minimise, tardiness with a little of the makespan; None if it was not
    simulated."""
    value_s = row.wanted_s(objective)
    if value_s is None or objective != "tardiness":
        return value_s
    return value_s + TIE * (row.makespan_s or 0.0)


def wished_figures_s(summary: RunSummary, jobs: Sequence[Job]) -> tuple[float | None, float | None]:
    """Returns the weighted completion and the tardiness of a simulated run of ``jobs``; None for
    the first if no job has a weight, for the second if no job has a deadline."""
    goal = Goal.of(jobs)
    completions_s = {job.id: job.completion_s or 0.0 for job in summary.jobs}
    ends_s = goal.arrivals_s + [completions_s[job.id] for job in jobs]
    weighted, due = (goal.weights != 1.0).any(), np.isfinite(goal.due_s).any()
    return (
        goal.value_s("weighted_completion", summary.makespan_s, ends_s) if weighted else None,
        goal.value_s("tardiness", summary.makespan_s, ends_s) if due else None,
    )
