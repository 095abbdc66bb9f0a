"""Executes a policy or a schedule for real and writes all results into a run folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from executor.supervision.execution import ExecutedRun, Execution
from executor.supervision.observer import Observer
from executor.supervision.supervisor import Supervisor
from executor.workers.mixed_workers import MixedWorkers
from executor.workers.warm_processes import WarmProcesses
from experiments.run_files.run_folder import PREDICTED, SCHEDULE, RunFolder, RunInputs
from experiments.stages.adding import profiled_jobs
from experiments.stages.inputs import held_bytes
from experiments.stages.machine_in_use import check_cores, check_gpus
from experiments.stages.prediction import (
    scheduled,
    step_times_for,
    with_intervals,
    write_prediction,
)
from profiles.machines.bubble import probe_machine
from rmixer.data.making import Bar, Making, no_bar
from rmixer.data.prepare import open_dataset, prepare
from rmixer.display.printable import few
from rmixer.errors import InputError
from rmixer.files.typed_files import write_json
from rmixer.hardware.core_lock import CoreLock
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.policies import Policy, make_policy
from rmixer.policies.baselines.planned import Planned
from rmixer.run_record.run_summary import RunSummary
from rmixer.scheduling.admission import check_memory
from rmixer.scheduling.layout import Layout
from rmixer.scheduling.problem import Problem, ProfiledJob
from rmixer.scheduling.schedule import Schedule, schedule_of
from rmixer.scheduling.step_times import StepTimes
from rmixer.workload.learned_steps import learn_steps
from rmixer.workload.workload import SUPPOSED_STEPS, Job, Workload
from sim.job_level.simulate import SimulatedRun


@dataclass(frozen=True)
class ExecutionRequest:
    """The input of an execution: the jobs of ``problem`` on the slots of ``layout``, ``by`` the
    policy of that name, live, or by a schedule, which is replayed. The ``cancelled`` jobs are
    cancelled before it begins. Models train in ``processes``."""

    problem: Problem
    layout: Layout
    by: str | Schedule
    cancelled: frozenset[str] = frozenset()
    processes: type[WarmProcesses] = WarmProcesses

    @classmethod
    def of_schedule(cls, problem: Problem, schedule: Schedule) -> ExecutionRequest:
        """The execution of ``schedule``, on its own layout and at its batches. Raises
        :class:`InputError` for a batch that is not profiled."""
        sized = problem.at(schedule.batches)
        schedule = replace(schedule, workload_hash=sized.workload.hash)
        return cls(sized, schedule.settings.layout, schedule)

    @property
    def title(self) -> str:
        """The kind of execution in a word."""
        return "a schedule" if isinstance(self.by, Schedule) else self.by

    @cached_property
    def step_times(self) -> StepTimes:
        """The step times that the prediction and the policy read."""
        return step_times_for(self.problem, self._profiles)

    @cached_property
    def _profiles(self) -> dict[str, ModelProfile]:
        return dict(self.problem.profiles)

    def admit(self, jobs: Sequence[Job]) -> tuple[ProfiledJob, ...]:
        """``jobs``, which are added to the run, with their costs; ``step_times`` know them from now
        on. Their data are prepared if needed. Raises as
        :func:`~experiments.stages.adding.profiled_jobs`."""
        machine, used_bytes = self.problem.machine, self.used_bytes
        found = profiled_jobs(jobs, machine, self.layout, used_bytes, lambda _: None)
        prepare_data(Workload("added", 0, tuple(jobs)))
        self._profiles.update((each.key, each.profile) for each in found)
        return found

    @cached_property
    def used_bytes(self) -> Mapping[str, int]:
        """The memory of this machine's devices that others held at the first call, before the run
        began."""
        return held_bytes(self.problem.machine)

    def new_policy(self) -> Policy:
        """A new object of the policy, one for each run."""
        if isinstance(self.by, Schedule):
            return Planned(self.by)
        return make_policy(self.by, self.problem.workload.seed)

    @property
    def inputs(self) -> RunInputs:
        """The inputs of a run that only executes."""
        replayed = isinstance(self.by, Schedule)
        decided = {"schedule": self.by} if replayed else {"policy": self.by, "layout": self.layout}
        settings = {**decided, "profiles": sorted(self.problem.profiles)}
        return RunInputs("execute", self.problem.workload, self.problem.machine, settings)


@dataclass(frozen=True)
class Manner:
    """The manner of an execution: it ends at ``until_s`` of ``time.monotonic`` even if jobs are
    left; a checkpoint is written every ``checkpoint_every_s`` (None: so that they cost under 1%);
    with ``tensorboard`` metrics over time are also written as event files."""

    until_s: float | None = None
    checkpoint_every_s: float | None = None
    tensorboard: bool = False


AS_USUAL = Manner()


def execute(
    folder: RunFolder,
    part: str,
    request: ExecutionRequest,
    observer: Observer,
    lock: CoreLock,
    manner: Manner = AS_USUAL,
) -> ExecutedRun:
    """Executes on the real clock and writes the results under ``part``: events, summary, step
    times, the resulting schedule, and the files of the jobs. A run that was interrupted or failed
    is written too, and the next call continues it. ``lock`` is taken first: it waits for other runs
    on the same cores. Call :func:`check_execution` before."""
    lock.take()
    problem, layout, policy = request.problem, request.layout, request.new_policy()
    workload, machine = problem.workload, problem.machine
    prepare_data(workload)
    probe_s = probe_machine(machine.cores)
    place = folder.path / part
    execution = Execution(
        problem,
        policy,
        layout,
        place,
        step_times=request.step_times,
        used_bytes=request.used_bytes,
        **vars(manner),
        predicted=folder.prediction(part),
        admit=request.admit,
        cancelled=request.cancelled,
    )
    folder.sync()
    for line in open_questions(workload):
        observer.told(line)
    with_models = any(job.command is None for job in workload.jobs)
    workers = MixedWorkers(machine, layout, place, with_models, request.processes)
    executed = Supervisor(execution, workers, observer).execute(probe_s)
    summary = replace(executed.summary, shared_with=lock.shared_with)
    (place / "steps").mkdir(parents=True, exist_ok=True)
    for job, ends_s in executed.step_ends_s.items():  # in seconds of the run
        np.save(place / "steps" / f"{job}.npy", np.asarray(ends_s))
    schedule = schedule_of(executed.workload, machine, policy, layout, executed.bookings)
    write_json(place / "executed_schedule.json", schedule)
    folder.write(part, executed.timeline, summary)
    _learn_steps(executed.workload, executed.summary)
    if executed.failure is not None:
        raise executed.failure
    return replace(executed, summary=summary)


def open_questions(workload: Workload) -> list[str]:
    """Lines for the user about programs in ``workload`` that start again after an interruption, or
    whose end is unknown."""
    programs = [job for job in workload.jobs if job.command is not None]
    anew = [job.id for job in programs if job.resume is None]
    unknown = [job.id for job in programs if job.steps_from == "supposed"]
    lines = []
    if anew:
        lines.append(f"starts again from step 0 after an interruption (no `resume`): {few(anew)}")
    if unknown:
        lines.append(
            f"the end is unknown: {few(unknown)}; planned with {SUPPOSED_STEPS} steps, "
            "this run learns how many it makes"
        )
    return lines


def _learn_steps(workload: Workload, summary: RunSummary) -> None:
    """Stores the steps of programs whose workload does not give them."""
    jobs = {job.id: job for job in workload.jobs}
    for line in summary.jobs:
        job = jobs.get(line.id)
        if job is not None and job.steps_from != "said" and line.state == "done" and line.steps:
            learn_steps(job.identity.key, line.steps)


def check_execution(request: ExecutionRequest) -> None:
    """Raises :class:`InputError` unless the jobs can be executed now. Call it once other runs on
    the same cores have ended, and before an earlier execution is moved aside."""
    machine = request.problem.machine
    request.layout.check(machine, "layout")
    check_cores(machine)
    check_gpus(machine)
    check_memory(request.problem, request.layout, held_bytes(machine))


def predict(request: ExecutionRequest) -> SimulatedRun:
    """The prediction, before anything is written: errors of a policy show here."""
    problem, times = request.problem, request.step_times
    schedule, run = scheduled(problem, request.new_policy(), request.layout, times)
    return with_intervals(problem, schedule, run, times)


def begin(
    path: Path,
    request: ExecutionRequest,
    predicted: SimulatedRun,
    report: Callable[[str], None],
    lock: CoreLock,
) -> RunFolder:
    """Creates a run folder at ``path`` for ``request``, with the prediction ``predicted``. If it
    cannot be executed, an earlier run stays where it is."""
    lock.take()
    folder = RunFolder.create(path, request.inputs, report, earlier="aside")
    if isinstance(request.by, Schedule):
        write_json(folder.path / SCHEDULE, request.by)
    write_prediction(folder, PREDICTED, predicted, request.problem.profiles, lock.shared_with)
    return folder


def prepare_data(workload: Workload, bar: Bar = no_bar) -> None:
    """Prepares the data sets of all jobs before any clock runs, but for a user's own models and
    programs, which read their own data. Raises :class:`InputError` for a job whose batch is larger
    than its data."""
    known = [job for job in workload.jobs if job.in_registry]
    samples = {}
    for dataset, data in dict.fromkeys((job.entry.dataset, job.data) for job in known):
        prepare(dataset, data, Making(bar=bar))
        samples[dataset, data] = open_dataset(dataset, data).train_rows
    for job in known:
        if job.batch > (most := samples[job.entry.dataset, job.data]):
            allowed = f"at most the {most} samples of {job.entry.dataset} to train on"
            raise InputError(f"job {job.id}", "batch", job.batch, allowed)
