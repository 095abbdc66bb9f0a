"""Predict a schedule, with the whole model and with less than it."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import replace

from experiments.run_files.chrome_trace import write_trace
from experiments.run_files.run_folder import RunFolder
from experiments.stages.inputs import Inputs
from rmixer.hardware.machine import Machine
from rmixer.policies import Policy
from rmixer.policies.baselines.planned import Planned
from rmixer.profile.profile import ModelProfile
from rmixer.scheduling.layout import Layout
from rmixer.scheduling.schedule import Schedule, schedule_of, write_schedule
from rmixer.scheduling.step_times import StepTimes
from rmixer.workload.workload import Workload
from sim.job_level.simulate import Level, SimulatedRun, simulate
from sim.operator_level.operator_level import OperatorLevel
from sim.simple_step_times.uncontended import SumOfOperators, Uncontended


def step_times_for(
    profiles: Mapping[str, ModelProfile], machine: Machine, seed: int
) -> OperatorLevel:
    """The simulator's own step times: one memo for a whole sweep."""
    return OperatorLevel(profiles, machine, seed)


def replay(
    workload: Workload,
    profiles: Mapping[str, ModelProfile],
    machine: Machine,
    schedule: Schedule,
    step_times: StepTimes,
    run: str = "predicted",
) -> SimulatedRun:
    """Simulate ``schedule`` as it stands."""
    policy: Policy = Planned(schedule)
    layout = schedule.settings.layout
    return simulate(workload, profiles, machine, policy, layout, step_times, run=run)


def simulate_policy(
    folder: RunFolder, inputs: Inputs, policy: Policy, layout: Layout, level: Level
) -> SimulatedRun:
    """Simulate ``policy`` and write the prediction as the run in ``folder``, with its schedule
    and its trace."""
    step_times = step_times_for(inputs.profiles, inputs.machine, inputs.workload.seed)
    run = simulate(
        inputs.workload,
        inputs.profiles,
        inputs.machine,
        policy,
        layout,
        step_times,
        level=level,
    )
    write_schedule(
        folder.path / "schedule.json",
        schedule_of(
            inputs.workload, inputs.machine, policy.origin, policy.seed, layout, run.bookings
        ),
    )
    write_prediction(folder, ".", run, inputs.profiles)
    write_trace(folder.path / "trace.json", {"predicted": run.timeline})
    return run


def write_prediction(
    folder: RunFolder,
    part: str,
    predicted: SimulatedRun,
    profiles: Mapping[str, ModelProfile],
    shared_with: tuple[str, ...] = (),
) -> None:
    """Write a prediction under ``part``, with the probe time of the profiles it rests on.
    ``shared_with`` names other runs on the same cores, of which the prediction knows nothing."""
    probe_s = statistics.median(profile.probe_s for profile in profiles.values())
    summary = replace(predicted.summary, probe_s=probe_s, shared_with=shared_with)
    folder.write(part, predicted.timeline, summary)


def write_ablations(
    folder: RunFolder,
    workload: Workload,
    profiles: Mapping[str, ModelProfile],
    machine: Machine,
    schedule: Schedule,
) -> None:
    """Predict ``schedule`` again without contention, and from bare sums of operators."""
    less: dict[str, StepTimes] = {
        "no_contention": Uncontended(profiles),
        "sum_of_operators": SumOfOperators(profiles),
    }
    for name, step_times in less.items():
        run = replay(workload, profiles, machine, schedule, step_times, run=name)
        write_prediction(folder, f"ablations/{name}", run, profiles)
