"""A view of a run now: its jobs, and when it will end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from executor.overview.outlook import ends_s
from executor.overview.pace import recent_steps_per_s
from executor.records.job_record import JobRecord
from executor.records.run_records import JobState, RunRecords

RunState = Literal["running", "stopped", "elsewhere", "interrupted", "failed", "done"]
"""``stopped``: the process of the run is gone without having closed it. ``elsewhere``: the run is
on another machine, so its process cannot be checked from here."""


@dataclass(frozen=True)
class Failure:
    """An attempt that failed: ``cause`` is one word, ``reason`` one line."""

    attempt: int
    cause: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class JobView:
    """One job. ``device`` and ``slot`` are its last place (``device`` is empty before its first
    start). ``phase`` is that of a job that runs; ``made`` of its ``steps`` are done. ``loss`` is
    that of one of the last steps. The last checkpoint was written ``checkpoint_age_s`` ago, after
    ``checkpoint_steps`` steps. ``promised_bytes`` is the peak of memory booked for it. A ``late``
    job was added after the run had begun; a ``silent`` program makes no step though it has run long
    enough. None means unknown."""

    id: str
    model: str
    state: JobState
    device: str = ""
    slot: int = 0
    phase: str = ""
    made: int = 0
    steps: int | None
    steps_per_s: float | None = None
    loss: float | None = None
    checkpoint_steps: int
    checkpoint_age_s: float | None = None
    promised_bytes: int | None = None
    attempt: int
    failures: tuple[Failure, ...]
    ends_in_s: float | None
    late: bool
    silent: bool = False


@dataclass(frozen=True)
class RunView:
    """A run of ``workload`` by ``policy`` in ``state``. ``began_s`` and ``looked_s`` are wall-clock
    seconds since 1970; ``at_s`` is the run's own clock. The run will take another ``ends_in_s``;
    ``predicted_s`` was predicted for all of it when it began. ``slots`` is the number on each
    device. Process ``pid`` on ``host`` supervises it; ``warm`` is true once its workers are ready.
    """

    workload: str
    policy: str
    state: RunState
    pid: int
    host: str
    at_s: float
    ends_in_s: float | None
    predicted_s: float | None
    slots: Mapping[str, int]
    jobs: tuple[JobView, ...]
    interruptions: int
    warm: bool
    began_s: float | None = None
    looked_s: float | None = None

    @property
    def counts(self) -> Mapping[str, int]:
        """The number of jobs in each state."""
        return Counter(job.state for job in self.jobs)

    @property
    def running(self) -> tuple[JobView, ...]:
        """The jobs that run now, by device and slot."""
        found = (job for job in self.jobs if job.state == "running")
        return tuple(sorted(found, key=lambda job: (job.device, job.slot)))

    def at(self, began_s: float, looked_s: float) -> RunView:
        """The same with these times of the wall clock."""
        return replace(self, began_s=began_s, looked_s=looked_s)


def run_view(records: RunRecords, at_s: float, state: RunState) -> RunView:
    """The view of a run in ``state`` from its ``records``, at ``at_s`` of its clock."""
    plan, process = records.plan, records.process
    assert plan is not None
    assert process is not None
    coming = ends_s(records, at_s) if state == "running" else {}
    jobs = tuple(_job_view(job, records, at_s, coming.get(job)) for job in records.jobs)
    waits = [job for job in jobs if job.state in ("queued", "waiting", "running")]
    known = state == "running" and all(job.ends_in_s is not None for job in waits)
    return RunView(
        workload=plan.workload,
        policy=plan.policy,
        state=state,
        pid=process.pid,
        host=process.host,
        at_s=at_s,
        ends_in_s=max((job.ends_in_s or 0.0 for job in waits), default=0.0) if known else None,
        predicted_s=plan.makespan_s,
        slots={entry.device: entry.slots for entry in plan.layout.devices},
        jobs=jobs,
        interruptions=records.interruptions,
        warm=records.warm,
    )


def failures_of(attempts: Sequence[JobRecord]) -> tuple[Failure, ...]:
    """Returns the failed ones of ``attempts`` at one job."""
    return tuple(
        Failure(each.booking.attempt, each.cause, each.error or "")
        for each in attempts
        if each.cause is not None
    )


def _job_view(job: str, records: RunRecords, at_s: float, end_s: float | None) -> JobView:
    known, record, state = records.jobs[job], records.last(job), records.state(job)
    attempts = records.attempts.get(job, ())
    view = JobView(
        id=job,
        model=known.job.model,
        state=state,
        steps=None if known.job.steps_from == "supposed" else known.job.steps,
        checkpoint_steps=max((each.checkpointed_steps for each in attempts), default=0),
        attempt=len(attempts),
        failures=failures_of(attempts),
        ends_in_s=None if end_s is None else max(0.0, end_s - at_s),
        late=known.late,
    )
    if record is None:
        return view
    written_s = [each.checkpointed_at_s for each in attempts if each.checkpointed_at_s is not None]
    runs = state == "running"
    return replace(
        view,
        device=record.booking.devices[0],
        slot=record.booking.slot,
        phase=record.phase if runs else "",
        made=record.steps,
        steps_per_s=recent_steps_per_s(record) if runs else None,
        loss=record.loss,
        checkpoint_age_s=max(0.0, at_s - max(written_s)) if written_s and runs else None,
        promised_bytes=record.predicted_bytes,
        silent=runs and record.told_silent and not record.step_ends_s,
    )
