"""Try every policy on every cut of the machine, in simulation, and rank what comes out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from experiments.run_files.sweep_file import SweepRow, ranked
from experiments.stages.layouts import grid, profiled_threads
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

BASELINE = "sequential"
"""What is saved, and every speed-up, is counted from it."""


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
    """All rows, ranked, and the best schedule as it was simulated. ``sequential`` is the
    prediction for the baseline, one job at a time, on ``sequential_layout``."""

    rows: tuple[SweepRow, ...]
    best: Candidate
    schedule: Schedule
    predicted: SimulatedRun
    sequential: SimulatedRun
    sequential_layout: Layout


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
) -> Sweep:
    """Simulate every candidate, all at the job level, so that they are ranked alike; the best is
    then predicted again at whatever level it needs.

    Without ``policies`` all are tried, on the cuts that are ``wanted`` (by default all of
    :func:`~experiments.stages.layouts.grid`). ``progress`` hears how many of how many are done. A
    candidate whose policy starves a job, or whose jobs would need more memory than there is, is
    left out and says so in its row; raises :class:`RunFailed` if all do, and if a policy itself is
    wrong: it answers what cannot be done, or raises an error.
    """
    workload, machine = problem.workload, problem.machine
    cuts = grid(problem, wanted or Wanted())
    tried = candidates(problem, policies or tuple(every_policy()), cuts)

    def run(candidate: Candidate, level: Level) -> SimulatedRun:
        policy = make_policy(candidate.policy, workload.seed)
        found = simulate(problem, policy, candidate.layout, step_times, level=level)
        check_peaks(found.summary, machine)
        return found

    alone = Candidate(BASELINE, layout_of(problem, make_policy(BASELINE), cuts[0]))
    sequential = run(alone, "auto")
    rows: list[tuple[SweepRow, Candidate]] = []
    for index, candidate in enumerate(tried):
        progress(index, len(tried))
        try:
            summary = run(candidate, "job").summary
        except (PolicyFailed, PolicyWrong):
            raise
        except (RunFailed, InputError) as error:
            rows.append((replace(_placed(candidate), why=str(error)), candidate))
        else:
            rows.append((_row(candidate, summary, sequential.summary.makespan_s), candidate))
    progress(len(tried), len(tried))
    order = ranked(row for row, _ in rows)
    if order[0].makespan_s is None:
        raise RunFailed("; ".join(sorted({row.why for row in order})))
    best = next(candidate for row, candidate in rows if row is order[0])
    predicted = run(best, "auto")
    policy = make_policy(best.policy, workload.seed)
    schedule = schedule_of(workload, machine, policy, best.layout, predicted.bookings)
    return Sweep(tuple(order), best, schedule, predicted, sequential, alone.layout)


def _placed(candidate: Candidate) -> SweepRow:
    return SweepRow(policy=candidate.policy, **vars(candidate.cut))


def _row(candidate: Candidate, summary: RunSummary, sequential_s: float) -> SweepRow:
    return replace(
        _placed(candidate),
        makespan_s=summary.makespan_s,
        speedup=sequential_s / summary.makespan_s,
        mean_completion_s=summary.completion_mean_s,
        p95_completion_s=summary.completion_p95_s,
        mean_waiting_s=summary.waiting_mean_s,
        p95_waiting_s=summary.waiting_p95_s,
        peak_bytes=max(device.peak_bytes for device in summary.devices) or None,
        level=summary.level,
    )
