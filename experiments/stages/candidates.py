"""What a sweep tries: policies on layouts, each simulated to a row."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments.run_files.sweep_file import PRECISION, SweepRow
from experiments.stages.layouts import profiled_threads
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
from sim.job_level.simulate import Level, SimulatedRun, simulate
from sim.operator_level.operator_level import OperatorLevel
from sim.planning.objective import Objective
from sim.planning.two_fidelities import correction, settle

BASELINE = "sequential"
"""What is saved, and every speed-up, is counted from it."""


@dataclass(frozen=True)
class Candidate:
    """A policy by its full name, on a layout. ``schedule`` is what was searched for, None of a
    policy."""

    policy: str
    layout: Layout
    schedule: Schedule | None = None

    def made(self, seed: int) -> Policy:
        """The policy, new."""
        return make_policy(self.policy, seed) if self.schedule is None else Planned(self.schedule)

    @property
    def cut(self) -> Cut:
        """The slots and threads of the layout."""
        return Cut.of(self.layout)


def candidates(problem: Problem, policies: Sequence[str], cuts: Sequence[Cut]) -> list[Candidate]:
    """Every policy on every cut. A policy that cuts the machine its own way is tried once; one that
    differs only in how it chooses among several devices, once on a layout of one device."""
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
    """Simulates candidates, and compares them with one job at a time on the layout ``alone``."""

    def __init__(self, problem: Problem, step_times: StepTimes, alone: Layout) -> None:
        self._problem = problem
        self.step_times = self.rough = step_times
        if isinstance(step_times, OperatorLevel):
            from sim.planning.rough_times import RoughTimes  # here: it imports numba, which is slow

            self.rough = RoughTimes(problem.profiles, problem.machine)
        one_by_one = Candidate(BASELINE, alone)
        self.sequential = self.run(one_by_one, step_times, "auto")
        self.alone_schedule = self.schedule(one_by_one, self.sequential)

    def run(self, candidate: Candidate, times: StepTimes, level: Level) -> SimulatedRun:
        """A candidate simulated. Raises :class:`RunFailed` where that cannot be."""
        policy = candidate.made(self._problem.workload.seed)
        found = simulate(self._problem, policy, candidate.layout, times, level=level)
        check_peaks(found.summary, self._problem.machine)
        return found

    def schedule(self, candidate: Candidate, simulated: SimulatedRun) -> Schedule:
        """What a candidate did, as a schedule."""
        workload, machine = self._problem.workload, self._problem.machine
        policy = candidate.made(workload.seed)
        return schedule_of(workload, machine, policy, candidate.layout, simulated.bookings)

    def row_of(self, candidate: Candidate, times: StepTimes) -> SweepRow:
        """The row of a candidate by ``times``."""
        try:
            summary = self.run(candidate, times, "job").summary
        except (PolicyFailed, PolicyWrong):
            raise
        except (RunFailed, InputError) as error:
            return self.not_simulated(candidate, str(error))
        placed = self.not_simulated(candidate, "")
        return _filled(placed, summary, self.sequential.summary.makespan_s)

    def rough_rows(self, piece: Sequence[Candidate]) -> list[SweepRow]:
        """Those of several by rough step times."""
        return [self.row_of(candidate, self.rough) for candidate in piece]

    def not_simulated(self, candidate: Candidate, why: str) -> SweepRow:
        """The row of a candidate that was left out."""
        seed = self._problem.workload.seed
        return SweepRow(policy=candidate.policy, **vars(candidate.cut), seed=seed, why=why)

    def make_precise(
        self, rows: list[SweepRow], tried: Sequence[Candidate], objective: Objective
    ) -> bool:
        """Replace the rough ``rows`` that can be best, and correct the others. False where a user
        broke that off: what was replaced by then stays."""
        precise: dict[int, float] = {}

        def precise_s(index: int) -> float | None:
            rows[index] = self.row_of(tried[index], self.step_times)
            if (found := wanted_s(rows[index], objective)) is not None:
                precise[index] = found
            return found

        figures = ((index, wanted_s(row, objective)) for index, row in enumerate(rows))
        rough = {index: figure for index, figure in figures if figure is not None}
        whole = True
        try:
            settle(rough, precise_s, PRECISION)
        except KeyboardInterrupt:
            whole = False
        factor = correction(rough, precise)
        for index in rough.keys() - precise.keys():
            rows[index] = rows[index].corrected(factor)
        return whole


def wanted_s(row: SweepRow, objective: Objective) -> float | None:
    """What is to be small, None if it was not simulated."""
    return row.makespan_s if objective == "makespan" else row.mean_completion_s


def _filled(row: SweepRow, summary: RunSummary, sequential_s: float) -> SweepRow:
    return replace(
        row,
        makespan_s=summary.makespan_s,
        speedup=sequential_s / summary.makespan_s,
        mean_completion_s=summary.completion_mean_s,
        p95_completion_s=summary.completion_p95_s,
        mean_waiting_s=summary.waiting_mean_s,
        p95_waiting_s=summary.waiting_p95_s,
        peak_bytes=max(device.peak_bytes for device in summary.devices) or None,
        busy={device.name: device.busy_fraction for device in summary.devices},
        level=summary.level,
    )
