"""Execute a policy or a schedule for real and leave all of it in a run folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from executor.supervision.observer import Observer
from executor.supervision.supervisor import ExecutedRun, Execution, Supervisor
from executor.workers.warm_processes import WarmProcesses
from experiments.run_files.run_folder import RunFolder
from experiments.stages.inputs import held_bytes
from experiments.stages.prediction import step_times_for, write_prediction
from profiles.machines import limits
from profiles.machines.bubble import probe_machine
from rmixer.data.make_dataset import Making
from rmixer.data.prepare import open_dataset, prepare
from rmixer.data.raw_reader import Bar, no_bar
from rmixer.errors import InputError
from rmixer.hardware.core_lock import CoreLock
from rmixer.hardware.machine import Machine
from rmixer.policies import Policy, make_policy
from rmixer.policies.baselines.planned import Planned
from rmixer.scheduling.admission import check_memory
from rmixer.scheduling.layout import Layout
from rmixer.scheduling.problem import Problem
from rmixer.scheduling.schedule import Schedule, schedule_of, write_schedule
from rmixer.scheduling.step_times import StepTimes
from rmixer.workload.workload import Workload
from sim.job_level.simulate import simulate


def execute(
    folder: RunFolder,
    part: str,
    problem: Problem,
    policy: Policy,
    layout: Layout,
    *,
    run: str = "measured",
    step_times: StepTimes | None = None,
    observer: Observer | None = None,
    lock: CoreLock | None = None,
) -> ExecutedRun:
    """Run ``policy`` on the real clock and write what happened under ``part``: events, summary,
    step times, the schedule as it came out, and what the jobs saved. A run that was
    interrupted or failed is written too. ``lock`` is taken first: it waits for other runs on the
    same cores. The caller has called :func:`check_execution`."""
    if lock is not None:
        lock.take()
    workload, machine = problem.workload, problem.machine
    prepare_data(workload)
    probe_s = probe_machine(machine.cores)
    place = folder.path / part
    execution = Execution(problem, policy, layout, place, run, step_times, held_bytes())
    workers = WarmProcesses(machine, layout, place / "workers")
    executed = Supervisor(execution, workers, observer).execute(probe_s)
    if lock is not None:
        summary = replace(executed.summary, shared_with=lock.shared_with)
        executed = replace(executed, summary=summary)
    _write_steps(place / "steps", executed.step_ends_s)
    schedule = schedule_of(workload, machine, policy.origin, policy.seed, layout, executed.bookings)
    write_schedule(place / "executed_schedule.json", schedule)
    folder.write(part, executed.timeline, executed.summary)
    if executed.failure is not None:
        raise executed.failure
    return executed


def check_execution(problem: Problem, layout: Layout) -> None:
    """Raise :class:`InputError` unless the jobs can be executed now. To be called once other runs
    on the same cores have ended, and before an earlier execution is set aside."""
    layout.check(problem.machine, "layout")
    check_cores(problem.machine)
    check_memory(problem, layout, held_bytes())


def execute_schedule(
    path: Path,
    problem: Problem,
    schedule: Schedule,
    observer: Observer,
    report: Callable[[str], None],
    lock: CoreLock,
) -> tuple[RunFolder, ExecutedRun]:
    """Predict ``schedule``, then execute it, in a run folder of its own."""
    lock.take()
    settings = {"schedule": schedule, "profiles": sorted(problem.profiles)}
    layout = schedule.settings.layout
    folder = _new_folder(path, problem, settings, report)
    write_schedule(folder.path / "schedule.json", schedule)
    step_times = step_times_for(problem)
    return folder, _predict_and_execute(
        folder, problem, lambda: Planned(schedule), layout, step_times, observer, lock
    )


def execute_policy(
    path: Path,
    problem: Problem,
    policy: str,
    layout: Layout,
    observer: Observer,
    report: Callable[[str], None],
    lock: CoreLock,
) -> tuple[RunFolder, ExecutedRun]:
    """Predict ``policy``, then run it live, in a run folder of its own."""
    lock.take()
    settings = {"policy": policy, "layout": layout, "profiles": sorted(problem.profiles)}
    folder = _new_folder(path, problem, settings, report)
    step_times = step_times_for(problem)
    return folder, _predict_and_execute(
        folder,
        problem,
        lambda: make_policy(policy, problem.workload.seed),
        layout,
        step_times,
        observer,
        lock,
    )


def _new_folder(
    path: Path,
    problem: Problem,
    settings: Mapping[str, object],
    report: Callable[[str], None],
) -> RunFolder:
    return RunFolder.create(
        path, "execute", problem.workload, problem.machine, settings, report=report, reuse=False
    )


def _predict_and_execute(
    folder: RunFolder,
    problem: Problem,
    fresh_policy: Callable[[], Policy],
    layout: Layout,
    step_times: StepTimes,
    observer: Observer,
    lock: CoreLock,
) -> ExecutedRun:
    """Each run makes a fresh instance of the policy; both read the same step times."""
    predicted = simulate(problem, fresh_policy(), layout, step_times)
    write_prediction(folder, "predicted", predicted, problem.profiles, lock.shared_with)
    return execute(
        folder,
        ".",
        problem,
        fresh_policy(),
        layout,
        step_times=step_times,
        observer=observer,
        lock=lock,
    )


def prepare_data(workload: Workload, bar: Bar = no_bar) -> None:
    """Make the data sets of all jobs ready before any clock runs, but for a user's own models and
    programs: what these read is their own. Raises :class:`InputError` for a job whose batch is
    larger than its data."""
    known = [job for job in workload.jobs if job.in_registry]
    samples = {}
    for dataset, data in dict.fromkeys((job.entry.dataset, job.data) for job in known):
        prepare(dataset, data, Making(bar=bar))
        samples[dataset, data] = open_dataset(dataset, data).train_rows
    for job in known:
        if job.batch > (most := samples[job.entry.dataset, job.data]):
            allowed = f"at most the {most} samples of {job.entry.dataset} to train on"
            raise InputError(f"job {job.id}", "batch", job.batch, allowed)


def check_cores(machine: Machine) -> None:
    """Raise :class:`InputError` where ``machine`` has cores that this process may not use: a
    machine that is only simulated here cannot be executed on."""
    usable = set(limits.usable_cores())
    missing = [core for core in machine.cores if core not in usable]
    if missing:
        found = f"cores {missing}, which this process may not use"
        allowed = f"a schedule for a machine like this one, with cores {sorted(usable)}"
        raise InputError(f"machine {machine.name}", "cores", found, allowed)


def _write_steps(folder: Path, step_ends_s: Mapping[str, Sequence[float]]) -> None:
    """``<job>.npy``: the end of each step in seconds of the run."""
    folder.mkdir(parents=True, exist_ok=True)
    for job, ends_s in step_ends_s.items():
        np.save(folder / f"{job}.npy", np.asarray(ends_s))
