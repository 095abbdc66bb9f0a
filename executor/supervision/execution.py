"""What is to be executed, and what came of it."""

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
    """What is to be executed: the workload of ``problem`` by ``policy`` on the slots of ``layout``.

    ``folder`` takes the journal, the checkpoints and what the jobs leave; ``run`` is the name in
    the timeline. ``step_times`` are for policies that ask; ``used_bytes`` is what others hold of
    each device's memory. Checkpoints are ``checkpoint_every_s`` apart (None: as
    :class:`~rmixer.training.job_checkpoints.Checkpointing` says); a job is ended that neither says
    nor does anything for ``hang_after_s``; at ``until_s`` of ``time.monotonic`` the run ends in
    order.

    ``predicted`` is what is expected of the run. ``admit`` finds what jobs cost that are added to
    it, and lets ``step_times`` know them; it raises :class:`~rmixer.errors.InputError` for one that
    cannot be executed here. Without it nothing can be added. Jobs that are ``cancelled``
    are so before the run begins."""

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
        """What the journal says of it."""
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
        """Where ``job`` leaves what it makes."""
        every_s = job.save_every_s or self.checkpoint_every_s
        events = self.folder / "tensorboard" / job.id
        return JobFiles(
            weights=str(self.weights(job.id)),
            checkpointing=Checkpointing(str(self.checkpoint(job.id)), every_s),
            metrics=str(self.folder / "metrics" / f"{job.id}.csv"),
            tensorboard=str(events) if self.tensorboard else None,
        )

    def log(self, job: str) -> Path:
        """Where what ``job`` prints is kept."""
        return log_of(self.folder, job)

    def failure(self, job: str) -> Path:
        """Where it is kept at length why ``job`` failed."""
        return failure_of(self.folder, job)

    def checkpoint(self, job: str) -> Path:
        """Where the checkpoint of ``job`` lies."""
        return self.folder / "checkpoints" / f"{job}.pt"

    def weights(self, job: str) -> Path:
        """Where the weights that ``job`` trained lie."""
        return self.folder / "models" / f"{job}.pt"


@dataclass(frozen=True)
class ExecutedRun:
    """What happened: the timeline, its summary, the last booking of each job in order, and the ends
    of each job's steps in seconds of the run. ``failure`` is what ended the run early, if not the
    user: a policy that raised, a worker that would not start. ``workload`` has the jobs that were
    added, too."""

    timeline: Timeline
    summary: RunSummary
    bookings: tuple[Booking, ...]
    step_ends_s: Mapping[str, Sequence[float]]
    interrupted: bool
    workload: Workload
    failure: Exception | None = None


def log_of(folder: Path, job: str) -> Path:
    """Where an execution in ``folder`` keeps what ``job`` prints."""
    return folder / "logs" / f"{job}.log"


def failure_of(folder: Path, job: str) -> Path:
    """Where an execution in ``folder`` keeps at length why ``job`` failed."""
    return folder / "failures" / f"{job}.txt"
