"""What is to be executed, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rmixer.run_record.run_summary import RunSummary
from rmixer.run_record.timeline import Timeline
from rmixer.scheduling.cluster import Booking
from rmixer.scheduling.layout import Layout
from rmixer.scheduling.policy import Policy
from rmixer.scheduling.problem import Problem
from rmixer.scheduling.step_times import StepTimes

HANG_AFTER_S = 300.0


@dataclass(frozen=True)
class Execution:
    """What is to be executed: the workload of ``problem`` by ``policy`` on the slots of ``layout``.

    ``folder`` takes the journal, the checkpoints and what the jobs leave; ``run`` is the name in
    the timeline. ``step_times`` are for policies that ask; ``used_bytes`` is what others hold of
    each device's memory. Checkpoints are ``checkpoint_every_s`` apart (None: as
    :class:`~rmixer.training.job_checkpoints.Checkpointing` says); a job is ended that neither says
    nor does anything for ``hang_after_s``; at ``until_s`` of ``time.monotonic`` the run ends in
    order."""

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
    user: a policy that raised, a worker that would not start."""

    timeline: Timeline
    summary: RunSummary
    bookings: tuple[Booking, ...]
    step_ends_s: Mapping[str, Sequence[float]]
    interrupted: bool
    failure: Exception | None = None
