"""Predict a schedule, with the whole model and with less than it."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import replace

from experiments.run_files.chrome_trace import write_trace
from experiments.run_files.run_folder import RunFolder
from rmixer.policies import Policy
from rmixer.policies.baselines.planned import Planned
from rmixer.profile.profile import ModelProfile
from rmixer.scheduling.layout import Layout
from rmixer.scheduling.problem import Problem
from rmixer.scheduling.schedule import Schedule, schedule_of, write_schedule
from rmixer.scheduling.step_times import StepTimes
from sim.job_level.simulate import SimulatedRun, simulate
from sim.operator_level.operator_level import OperatorLevel
from sim.simple_step_times.uncontended import SumOfOperators, Uncontended


def step_times_for(problem: Problem) -> StepTimes:
    """The simulator's own step times: one memo for a whole sweep. What a table of durations says is
    taken as it is."""
    if is_timed(problem.profiles):
        return Uncontended(problem.profiles)
    return OperatorLevel(problem.profiles, problem.machine, problem.workload.seed)


def is_timed(profiles: Mapping[str, ModelProfile]) -> bool:
    """Whether a table of durations was given instead of profiles."""
    return any(profile.origin == "table" for profile in profiles.values())


def replay(
    problem: Problem, schedule: Schedule, step_times: StepTimes, run: str = "predicted"
) -> SimulatedRun:
    """Simulate ``schedule`` as it stands."""
    return simulate(problem, Planned(schedule), schedule.settings.layout, step_times, run=run)


def write_simulation(
    folder: RunFolder, problem: Problem, policy: Policy, layout: Layout, run: SimulatedRun
) -> None:
    """Write ``run``, a simulation of ``policy``, as the run in ``folder``, with its schedule and
    its trace."""
    workload, machine = problem.workload, problem.machine
    write_schedule(
        folder.path / "schedule.json",
        schedule_of(workload, machine, policy, layout, run.bookings),
    )
    write_prediction(folder, ".", run, problem.profiles)
    write_trace(folder.path / "trace.json", {"predicted": run.timeline})


def write_prediction(
    folder: RunFolder,
    part: str,
    predicted: SimulatedRun,
    profiles: Mapping[str, ModelProfile],
    shared_with: tuple[str, ...] = (),
) -> None:
    """Write a prediction under ``part``, with the probe time of the profiles it rests on, if any.
    ``shared_with`` names other runs on the same cores, of which the prediction knows nothing."""
    probes_s = [profile.probe_s for profile in profiles.values()]
    probe_s = None if is_timed(profiles) else statistics.median(probes_s)
    summary = replace(predicted.summary, probe_s=probe_s, shared_with=shared_with)
    folder.write(part, predicted.timeline, summary)


def write_ablations(folder: RunFolder, problem: Problem, schedule: Schedule) -> None:
    """Predict ``schedule`` again without contention, and from bare sums of operators; where a table
    of durations was given there is nothing to leave out."""
    if is_timed(problem.profiles):
        return
    less: dict[str, StepTimes] = {
        "no_contention": Uncontended(problem.profiles),
        "sum_of_operators": SumOfOperators(problem.profiles),
    }
    for name, step_times in less.items():
        run = replay(problem, schedule, step_times, run=name)
        write_prediction(folder, f"ablations/{name}", run, problem.profiles)
