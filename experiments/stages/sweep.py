"""Try every policy on every cut of the machine, in simulation, and rank what comes out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import groupby

from experiments.run_files.finalists_file import Finalist
from experiments.run_files.sweep_file import PRECISION, SweepRow, ranked
from experiments.stages.finalists import finalists
from experiments.stages.layouts import grid, profiled_threads
from experiments.stages.over_cores import in_order
from experiments.stages.prediction import with_intervals
from profiles.machines.limits import usable_cores
from rmixer.errors import InputError, PolicyFailed, PolicyWrong, RunFailed
from rmixer.policies import Policy, every_policy, make_policy
from rmixer.run_record.run_summary import RunSummary
from rmixer.scheduling.admission import check_peaks
from rmixer.scheduling.asking import ask_layout
from rmixer.scheduling.layout import Cut, Layout
from rmixer.scheduling.problem import Problem
from rmixer.scheduling.schedule import Schedule, schedule_of
from rmixer.scheduling.step_times import StepTimes
from rmixer.scheduling.wanted_slots import Wanted
from sim.job_level.simulate import Level, SimulatedRun, simulate
from sim.operator_level.operator_level import OperatorLevel
from sim.planning.two_fidelities import correction, settle
from sim.simple_step_times.mean_demand import MeanDemand

BASELINE = "sequential"
"""What is saved, and every speed-up, is counted from it."""
LEAST_IN_A_PROCESS = 32
"""For fewer candidates another process is not worth its start."""


@dataclass(frozen=True)
class Candidate:
    """A policy by its full name, on a layout."""

    policy: str
    layout: Layout

    @property
    def cut(self) -> Cut:
        """The slots and threads of the layout."""
        return Cut.of(self.layout)


@dataclass(frozen=True)
class Sweep:
    """All rows, ranked, and the best schedule as it was simulated, with its intervals.
    ``sequential`` is the same for the baseline, one job at a time, by ``sequential_schedule``.
    ``finalists`` are the best rows of the next best policies
    (:func:`~experiments.stages.finalists.finalists`)."""

    rows: tuple[SweepRow, ...]
    best: Candidate
    schedule: Schedule
    predicted: SimulatedRun
    sequential: SimulatedRun
    sequential_schedule: Schedule
    finalists: tuple[Finalist, ...] = ()


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


def sweep(
    problem: Problem,
    step_times: StepTimes,
    *,
    policies: Sequence[str] = (),
    wanted: Wanted | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    processes: int | None = None,
) -> Sweep:
    """Simulate every candidate at the job level and rank them; the best is then predicted again at
    whatever level it needs.

    All are simulated with rough step times first. ``step_times`` are asked for those that can still
    win (:func:`sim.planning.two_fidelities.settle`); the figures of the others are corrected by
    what these showed, and say that they are rough.

    Without ``policies`` all are tried, on the cuts that are ``wanted`` (by default all of
    :func:`~experiments.stages.layouts.grid`). ``progress`` hears how many of how many are done. A
    candidate whose policy starves a job, or whose jobs would need more memory than there is, is
    left out and says so in its row; raises :class:`RunFailed` if all do, and if a policy itself is
    wrong: it answers what cannot be done, or raises an error.

    Rough simulations run in so many ``processes``: by default one a core, fewer for few candidates.
    The answer is the same for any number.
    """
    workload, machine = problem.workload, problem.machine
    cuts = grid(problem, wanted or Wanted())
    tried = candidates(problem, policies or tuple(every_policy()), cuts)
    solves = isinstance(step_times, OperatorLevel)
    rough_times = MeanDemand(problem.profiles, machine) if solves else step_times

    def run(candidate: Candidate, times: StepTimes, level: Level) -> SimulatedRun:
        policy = make_policy(candidate.policy, workload.seed)
        found = simulate(problem, policy, candidate.layout, times, level=level)
        check_peaks(found.summary, machine)
        return found

    def row_of(candidate: Candidate, times: StepTimes) -> SweepRow:
        """The row of a candidate by ``times``."""
        try:
            summary = run(candidate, times, "job").summary
        except (PolicyFailed, PolicyWrong):
            raise
        except (RunFailed, InputError) as error:
            return replace(_placed(candidate, workload.seed), why=str(error))
        row = _placed(candidate, workload.seed)
        return _filled(row, summary, sequential.summary.makespan_s)

    def rough_rows(piece: Sequence[Candidate]) -> list[SweepRow]:
        return [row_of(candidate, rough_times) for candidate in piece]

    def precise_s(index: int) -> float | None:
        rows[index] = row_of(tried[index], step_times)
        return rows[index].makespan_s

    alone = Candidate(BASELINE, layout_of(problem, make_policy(BASELINE), cuts[0]))
    sequential = run(alone, step_times, "auto")
    rows: list[SweepRow] = []
    # The mixes of one layout recur there: its candidates share the memo of one process.
    pieces = [list(piece) for _, piece in groupby(tried, key=lambda each: each.layout)]
    count = processes or min(len(usable_cores()), len(tried) // LEAST_IN_A_PROCESS)
    progress(0, len(tried) + 1)
    with closing(in_order(rough_rows, pieces, count)) as found_rows:
        for found in found_rows:
            rows += found
            progress(len(rows), len(tried) + 1)
    rough = {i: row.makespan_s for i, row in enumerate(rows) if row.makespan_s is not None}
    if solves:
        precise = settle(rough, precise_s, PRECISION)
        factor = correction(rough, precise)
        for index in rough.keys() - precise.keys():
            rows[index] = rows[index].corrected(factor)
    progress(1, 1)
    order = ranked(rows)
    if order[0].makespan_s is None:
        raise RunFailed("; ".join(sorted({row.why for row in order})))
    by_row = {id(row): tried[index] for index, row in enumerate(rows)}
    best = by_row[id(order[0])]
    predicted = run(best, step_times, "auto")
    schedules = []
    for candidate, simulated in ((best, predicted), (alone, sequential)):
        policy = make_policy(candidate.policy, workload.seed)
        layout, bookings = candidate.layout, simulated.bookings
        schedules.append(schedule_of(workload, machine, policy, layout, bookings))
    return Sweep(
        tuple(order),
        best,
        schedules[0],
        with_intervals(problem, schedules[0], predicted, step_times),
        with_intervals(problem, schedules[1], sequential, step_times),
        schedules[1],
        finalists(order, lambda row: run(by_row[id(row)], step_times, "job").summary),
    )


def _placed(candidate: Candidate, seed: int) -> SweepRow:
    return SweepRow(policy=candidate.policy, **vars(candidate.cut), seed=seed)


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
