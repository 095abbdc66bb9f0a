"""The input of an execution and its result."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from executor.records.run_plan import RunPlan, expected_of
from rmixer.policies.baselines.planned import Planned
from rmixer.run_record.run_summary import RunSummary
from rmixer.run_record.timeline import Timeline
from rmixer.scheduling.booking import Booking
from rmixer.scheduling.layout import Layout
from rmixer.scheduling.policy import Policy
from rmixer.scheduling.problem import Problem, ProfiledJob
from rmixer.scheduling.step_times import StepTimes
from rmixer.training.job_checkpoints import Checkpointing
from rmixer.training.job_files import JobFiles
from rmixer.workload.workload import Job, Workload

HANG_AFTER_S = 300.0


@dataclass(frozen=True)
class Execution:
    """The input of an execution: the workload of ``problem`` by ``policy`` on the slots of
    ``layout``.

    ``folder`` takes the journal, the checkpoints and the files of the jobs; ``run`` is the name in
    the timeline. ``step_times`` are for policies that ask; ``used_bytes`` is the part of each
    device's memory that others hold. A checkpoint is written every ``checkpoint_every_s`` (None: as
    :class:`~rmixer.training.job_checkpoints.Checkpointing` says). A job that reports nothing and
    does nothing for ``hang_after_s`` is ended. At ``until_s`` of ``time.monotonic`` the run ends in
    order.

    ``predicted`` is the prediction of the run. ``admit`` finds the costs of jobs that are added to
    the run and gives them to ``step_times``; it raises :class:`~rmixer.errors.InputError` for a job
    that cannot be executed here. If it is None, nothing can be added. The ``cancelled`` jobs are
    cancelled before the run begins.
    """

    problem: Problem
    policy: Policy
    layout: Layout
    folder: Path
    run: str = "measured"
    step_times: StepTimes | None = None
    used_bytes: Mapping[str, int] = field(default_factory=dict)
    checkpoint_every_s: float | None = None
    hang_after_s: float = HANG_AFTER_S
    until_s: float | None = None
    predicted: RunSummary | None = None
    tensorboard: bool = False
    admit: Callable[[Sequence[Job]], Sequence[ProfiledJob]] | None = None
    cancelled: Collection[str] = ()

    @property
    def plan(self) -> RunPlan:
        """Its plan for the journal."""
        policy, predicted, workload = self.policy, self.predicted, self.problem.workload
        slots = {entry.device for entry in self.layout.devices}
        return RunPlan(
            workload=workload.name,
            policy=policy.origin,
            devices=tuple(each for each in self.problem.machine.devices if each.name in slots),
            layout=self.layout,
            memory=policy.memory,
            schedule=policy.schedule if isinstance(policy, Planned) else None,
            used_bytes=dict(self.used_bytes),
            makespan_s=None if predicted is None else predicted.makespan_s,
            jobs={} if predicted is None else expected_of(predicted),
        )

    def files(self, job: Job) -> JobFiles:
        """The paths of the files of ``job``."""
        every_s = job.save_every_s or self.checkpoint_every_s
        events = self.folder / "tensorboard" / job.id
        return JobFiles(
            weights=str(self.weights(job.id)),
            checkpointing=Checkpointing(str(self.checkpoint(job.id)), every_s),
            metrics=str(self.folder / "metrics" / f"{job.id}.csv"),
            tensorboard=str(events) if self.tensorboard else None,
        )

    def checkpoint(self, job: str) -> Path:
        """The path of the checkpoint of ``job``."""
        return self.folder / "checkpoints" / f"{job}.pt"

    def weights(self, job: str) -> Path:
        """The path of the weights that ``job`` trained."""
        return self.folder / "models" / f"{job}.pt"


@dataclass(frozen=True)
class ExecutedRun:
    """The result: the timeline, its summary, the last booking of each job in order, and the ends of
    each job's steps in seconds of the run. ``failure`` is the error that ended the run early, not
    the user: a policy that raised, a worker that would not start. ``workload`` includes the jobs
    that were added."""

    timeline: Timeline
    summary: RunSummary
    bookings: tuple[Booking, ...]
    step_ends_s: Mapping[str, Sequence[float]]
    interrupted: bool
    workload: Workload
    failure: Exception | None = None


def log_of(folder: Path, job: str) -> Path:
    """The path of the output of ``job`` in an execution in ``folder``."""
    return folder / "logs" / f"{job}.log"


def failure_of(folder: Path, job: str) -> Path:
    """The path of the full failure text of ``job`` in an execution in ``folder``."""
    return folder / "failures" / f"{job}.txt"
