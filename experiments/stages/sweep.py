"""Try every policy on every cut of the machine, in simulation, and rank what comes out."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from experiments.run_files.sweep_file import SweepRow, ranked
from experiments.stages.inputs import profiled_threads
from rmixer.errors import InputError, RunFailed
from rmixer.hardware.machine import Machine
from rmixer.policies import POLICIES, make_policy
from rmixer.run_record.run_summary import RunSummary
from rmixer.scheduling.layout import Layout
from rmixer.scheduling.problem import Problem
from rmixer.scheduling.schedule import Schedule, schedule_of
from rmixer.scheduling.step_times import StepTimes
from rmixer.workload.workload import Workload
from sim.job_level.simulate import Level, SimulatedRun, simulate


@dataclass(frozen=True)
class Candidate:
    """A policy on a layout."""

    policy: str
    slots: int
    threads: int
    layout: Layout


@dataclass(frozen=True)
class Sweep:
    """All rows, ranked, and the best schedule as it was simulated. ``sequential`` is the
    prediction for one job at a time on ``sequential_layout``, what is saved is counted from it."""

    rows: tuple[SweepRow, ...]
    best: Candidate
    schedule: Schedule
    predicted: SimulatedRun
    sequential: SimulatedRun
    sequential_layout: Layout


def candidates(
    workload: Workload,
    machine: Machine,
    policies: Sequence[str],
    slots: Sequence[int],
    threads: Sequence[int],
    known: Sequence[int],
) -> list[Candidate]:
    """Policies x slots per device x threads per slot, as far as the cores suffice; a policy that
    cuts the machine its own way is tried once, with counts of threads that are ``known``."""
    found: dict[tuple[str, Layout], Candidate] = {}
    for name in policies:
        policy = make_policy(name, workload.seed)
        for count in threads:
            for each in slots:
                layout = policy.layout(machine, len(workload.jobs), each, count).profiled(known)
                first = layout.devices[0]
                wanted = sum(entry.slots * entry.threads for entry in layout.devices)
                if layout.in_turn or wanted <= len(machine.cores):
                    candidate = Candidate(name, first.slots, first.threads, layout)
                    found.setdefault((name, layout), candidate)
    return list(found.values())


def sweep(
    problem: Problem,
    step_times: StepTimes,
    *,
    policies: Sequence[str] = tuple(POLICIES),
    slots: Sequence[int] | None = None,
    threads: Sequence[int] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Sweep:
    """Simulate every candidate, all at the job level, so that they are ranked alike; the best is
    then predicted again at whatever level it needs.

    ``slots`` defaults to powers of two and all cores, ``threads`` to the counts that every profile
    has. ``progress`` hears how many of how many are done. A candidate whose policy starves a job
    is left out and says so in its row; raises :class:`RunFailed` if all do.
    """
    workload, machine = problem.workload, problem.machine
    tried = _grid(problem, policies, slots, threads)

    def run(candidate: Candidate, level: Level) -> SimulatedRun:
        policy = make_policy(candidate.policy, workload.seed)
        return simulate(problem, policy, candidate.layout, step_times, level=level)

    known = profiled_threads(problem.profiles)
    alone = candidates(workload, machine, ("sequential",), (1,), (1,), known)[0]
    sequential = run(alone, "auto")
    rows: list[tuple[SweepRow, Candidate]] = []
    for index, candidate in enumerate(tried):
        progress(index, len(tried))
        try:
            summary = run(candidate, "job").summary
        except RunFailed as error:
            place = (candidate.policy, candidate.slots, candidate.threads)
            rows.append((SweepRow(*place, why=str(error)), candidate))
        else:
            rows.append((_row(candidate, summary, sequential.summary.makespan_s), candidate))
    progress(len(tried), len(tried))
    order = ranked(row for row, _ in rows)
    if order[0].makespan_s is None:
        raise RunFailed("; ".join(row.why for row in order))
    best = next(candidate for row, candidate in rows if row is order[0])
    predicted = run(best, "auto")
    schedule = schedule_of(
        workload, machine, make_policy(best.policy, workload.seed), best.layout, predicted.bookings
    )
    return Sweep(tuple(order), best, schedule, predicted, sequential, alone.layout)


def _grid(
    problem: Problem,
    policies: Sequence[str],
    slots: Sequence[int] | None,
    threads: Sequence[int] | None,
) -> list[Candidate]:
    workload, machine = problem.workload, problem.machine
    known = profiled_threads(problem.profiles)
    for count in threads or ():
        if count not in known:
            raise InputError("--threads", "", count, f"profiled: {', '.join(map(str, known))}")
    cores = len(machine.cores)
    counts = sorted({1 << i for i in range(cores.bit_length()) if 1 << i <= cores} | {cores})
    tried = candidates(workload, machine, policies, slots or counts, threads or known, known)
    if not tried:
        found = f"{list(slots or counts)} slots of {list(threads or known)} threads"
        raise InputError("--slots, --threads", "", found, f"slots x threads <= {cores} cores")
    return tried


def _row(candidate: Candidate, summary: RunSummary, sequential_s: float) -> SweepRow:
    return SweepRow(
        policy=candidate.policy,
        slots=candidate.slots,
        threads=candidate.threads,
        makespan_s=summary.makespan_s,
        speedup=sequential_s / summary.makespan_s,
        mean_completion_s=statistics.mean(job.end_s for job in summary.jobs),
        peak_bytes=max(device.peak_bytes for device in summary.devices),
        level=summary.level,
    )
