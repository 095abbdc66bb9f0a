"""Runs of jobs whose durations a table gives, as the commands make them."""

from __future__ import annotations

from pathlib import Path

from experiments.stages.durations import inputs_of_table
from experiments.stages.layouts import choose_layout
from experiments.stages.prediction import step_times_for
from rmixer.imported.durations import read_durations
from rmixer.policies import make_policy
from rmixer.scheduling.wanted_slots import Wanted
from rmixer.workload.workload_file import read_workload
from sim.job_level.simulate import SimulatedRun, simulate

Starts = list[tuple[float, str, str]]


def run_table(workload: Path, table: Path, policy: str, wanted: Wanted) -> SimulatedRun:
    """The run of ``workload`` under ``policy``, on an assumed machine."""
    durations = read_durations(table)
    jobs = read_workload(workload, durations)
    problem = inputs_of_table(jobs, durations, None, wanted, lambda text: None)
    chosen = make_policy(policy)
    layout = choose_layout(problem, chosen, wanted)
    return simulate(problem, chosen, layout, step_times_for(problem))


def starts_of(run: SimulatedRun) -> Starts:
    """When each job started and where, in order of dispatch."""
    jobs = {job.id: job for job in run.summary.jobs}
    ordered = sorted(run.bookings, key=lambda booking: booking.order)
    return [(jobs[b.job].start_s, b.job, jobs[b.job].device) for b in ordered]
