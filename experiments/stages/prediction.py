"""Predicts a schedule, by the whole model and by simpler ones."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import replace

from experiments.run_files.run_folder import RunFolder
from experiments.stages.layouts import choose_layout
from rmixer.model_profile.doubts import doubt_about_interval, doubts_about
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.policies import Policy, make_policy
from rmixer.policies.baselines.planned import Planned
from rmixer.run_record.run_summary import RunSummary
from rmixer.scheduling.layout import Layout
from rmixer.scheduling.problem import Problem
from rmixer.scheduling.schedule import Schedule, schedule_of
from rmixer.scheduling.step_times import StepTimes
from rmixer.scheduling.wanted_slots import Wanted
from sim.job_level.simulate import Level, SimulatedRun, simulate
from sim.operator_level.operator_level import OperatorLevel
from sim.operator_level.solved_mixes import SolvedMixes
from sim.simple_step_times.uncontended import SumOfOperators, Uncontended

ONE_AT_A_TIME = "sequential"
"""The policy with which every other is compared."""


def step_times_for(
    problem: Problem, profiles: Mapping[str, ModelProfile] | None = None
) -> StepTimes:
    """The simulator's step times, shared by a whole sweep and stored on disk. Durations from a
    table are taken unchanged. ``profiles``, if given, are those of the problem, and may grow."""
    profiles = problem.profiles if profiles is None else profiles
    machine, seed = problem.machine, problem.workload.seed
    if is_timed(profiles):
        return Uncontended(profiles)
    return OperatorLevel(profiles, machine, seed, SolvedMixes(profiles, machine, seed))


def rough_times(problem: Problem, step_times: StepTimes) -> StepTimes:
    """Step times from mean demand, which take no time to solve; ``step_times`` themselves if they
    take none."""
    if not isinstance(step_times, OperatorLevel):
        return step_times
    from sim.planning.rough_times import RoughTimes  # here: it imports numba, which is slow

    return RoughTimes(problem.profiles, problem.machine)


def is_timed(profiles: Mapping[str, ModelProfile]) -> bool:
    """True if a table of durations was given instead of profiles."""
    return any(profile.origin == "table" for profile in profiles.values())


def scheduled(
    problem: Problem, policy: Policy, layout: Layout, step_times: StepTimes, level: Level = "auto"
) -> tuple[Schedule, SimulatedRun]:
    """Simulates ``policy`` on ``layout``: the schedule that it makes, and the run."""
    run = simulate(problem, policy, layout, step_times, level=level)
    return schedule_of(problem.workload, problem.machine, policy, layout, run.bookings), run


def replay(
    problem: Problem, schedule: Schedule, step_times: StepTimes, run: str = "predicted"
) -> SimulatedRun:
    """Simulates ``schedule`` unchanged."""
    return simulate(problem, Planned(schedule), schedule.settings.layout, step_times, run=run)


def one_at_a_time(problem: Problem, step_times: StepTimes) -> SimulatedRun:
    """Simulates the same workload, one job after the other."""
    policy = make_policy(ONE_AT_A_TIME, problem.workload.seed)
    layout = choose_layout(problem, policy, Wanted())
    return simulate(problem, policy, layout, step_times, run=ONE_AT_A_TIME)


def with_intervals(
    problem: Problem, schedule: Schedule, run: SimulatedRun, step_times: StepTimes
) -> SimulatedRun:
    """``run``, the simulation of ``schedule``, with its 90% intervals if they are known: those of
    its replay at the job level, as factors. Durations from a table have none."""
    if not isinstance(step_times, OperatorLevel):
        return run

    from sim.planning.intervals import intervals  # here: it imports numba, which is slow

    found = intervals(problem, schedule, step_times)
    return run if found is None else replace(run, summary=found.around(run.summary))


def doubts(profiles: Mapping[str, ModelProfile], predicted: RunSummary) -> tuple[str, ...]:
    """Reasons why ``predicted``, which rests on ``profiles``, may be far off."""
    wide = doubt_about_interval(predicted.makespan_s, predicted.makespan_interval_s)
    return (*doubts_about(profiles.values()), *wide)


def write_prediction(
    folder: RunFolder,
    part: str,
    predicted: SimulatedRun,
    profiles: Mapping[str, ModelProfile],
    shared_with: tuple[str, ...] = (),
) -> None:
    """Writes a prediction under ``part``, with the probe time of its profiles, if any.
    ``shared_with`` names other runs on the same cores, which the prediction does not include."""
    probes_s = [profile.probe_s for profile in profiles.values()]
    probe_s = None if is_timed(profiles) else statistics.median(probes_s)
    summary = replace(
        predicted.summary,
        probe_s=probe_s,
        shared_with=shared_with,
        doubtful=doubts(profiles, predicted.summary),
    )
    folder.write(part, predicted.timeline, summary)


def write_ablations(folder: RunFolder, problem: Problem, schedule: Schedule) -> None:
    """Predicts ``schedule`` again without contention, and from bare sums of operators; does nothing
    for a table of durations."""
    if is_timed(problem.profiles):
        return
    less: dict[str, StepTimes] = {
        "no_contention": Uncontended(problem.profiles),
        "sum_of_operators": SumOfOperators(problem.profiles),
    }
    for name, step_times in less.items():
        run = replay(problem, schedule, step_times, run=name)
        write_prediction(folder, f"ablations/{name}", run, problem.profiles)
