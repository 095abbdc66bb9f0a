"""Drive a policy on the real clock. No torch here: the training is in the workers."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from executor.records.job_record import JobRecord, timeline_of
from executor.records.measured_summary import Usage, measured_summary
from executor.records.memory_ledger import Ledger
from executor.supervision.interrupts import Interrupts
from executor.supervision.observer import Observer
from executor.workers.workers import (
    CoresExchanged,
    Event,
    JobEnded,
    JobFailed,
    LossWentBad,
    PhaseBegan,
    Place,
    StepsMade,
    TrainingOrder,
    Workers,
)
from profiles.machines import limits
from rmixer.errors import RunFailed
from rmixer.files.typed_files import write_text
from rmixer.run_record.run_summary import RunSummary
from rmixer.run_record.timeline import Timeline
from rmixer.scheduling.cluster import Booking, Cluster
from rmixer.scheduling.layout import Layout
from rmixer.scheduling.policy import Policy
from rmixer.scheduling.problem import Problem, ProfiledJob
from rmixer.scheduling.step_times import StepTimes
from rmixer.training.train_job import unfinished
from rmixer.workload.workload import Job

STOP_GRACE_S = 2.0
EXIT_GRACE_S = 0.5


@dataclass(frozen=True)
class Execution:
    """What is to be executed: the workload of ``problem`` by ``policy`` on the slots of ``layout``.
    ``folder`` takes what the jobs leave; ``run`` is the name in the timeline. ``step_times`` are
    for policies that ask; ``used_bytes`` is what others hold of each device's memory."""

    problem: Problem
    policy: Policy
    layout: Layout
    folder: Path
    run: str = "measured"
    step_times: StepTimes | None = None
    used_bytes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ExecutedRun:
    """What happened: the timeline, its summary, the bookings in order, and the ends of each
    job's steps in seconds of the run. ``failure`` is what ended the run early, if not the user:
    a policy that raised, a worker that would not start."""

    timeline: Timeline
    summary: RunSummary
    bookings: tuple[Booking, ...]
    step_ends_s: Mapping[str, Sequence[float]]
    interrupted: bool
    failure: Exception | None = None


class Supervisor:
    """Carries out one execution by its ``workers``."""

    reads_memory = True

    def __init__(
        self, execution: Execution, workers: Workers, observer: Observer | None = None
    ) -> None:
        self._execution, self._workers = execution, workers
        self._problem = execution.problem
        self._cluster = Cluster(
            execution.problem.machine,
            execution.layout,
            execution.step_times,
            execution.used_bytes,
            readings=self,
        )
        self._observer = observer or Observer()
        self._ledger = Ledger()
        self._pending = sorted(self._problem.jobs, key=lambda each: each.job.arrival_s)
        self._records: dict[str, JobRecord] = {}
        self._running: dict[Place, JobRecord] = {}
        self._begin_s = 0.0

    def execute(self, probe_s: float | None = None) -> ExecutedRun:
        """Run to the end, or until it is interrupted or fails; either way no process is left
        behind and what was recorded is returned."""
        interrupted, failure = False, None
        cpu_s = self._workers.cpu_seconds()
        with Interrupts() as interrupts:
            try:
                try:
                    slots = sum(entry.slots for entry in self._execution.layout.devices)
                    self._observer.warming(slots)
                    self._workers.open()
                    cpu_s = self._workers.cpu_seconds()
                    self._begin_s = time.perf_counter()
                    self._loop(interrupts)
                except KeyboardInterrupt:
                    interrupted = True
                except Exception as error:
                    failure = error
                self._wind_down()
                cpu_s = self._workers.cpu_seconds() - cpu_s
            finally:
                self._workers.close(EXIT_GRACE_S)
                self._remove_unfinished()
        usage = Usage(self._workers.startup_s, cpu_s, self._ledger.peaks, probe_s)
        return self._executed(usage, interrupted, failure)

    def steps_made(self, job: str) -> float:
        """See :class:`rmixer.scheduling.cluster.Readings`."""
        return float(len(self._records[job].step_ends_s)) if job in self._records else 0.0

    def measured_bytes(self, device: str) -> int | None:
        """What all programs together use of the memory of ``device``; of a GPU nobody reads it."""
        return limits.used_memory_bytes() if device == "cpu:0" else None

    def _now_s(self) -> float:
        return time.perf_counter() - self._begin_s

    def _loop(self, interrupts: Interrupts) -> None:
        while self._pending or self._running or self._cluster.view(0.0).queued:
            self._workers.replace_ended()
            now_s = self._now_s()
            while self._pending and self._pending[0].job.arrival_s <= now_s:
                self._submit(self._pending.pop(0))
            bookings = self._cluster.decide(self._execution.policy, now_s)
            for booking in bookings:
                with interrupts.held():
                    self._start(booking)
            again_s = self._cluster.ask_again_s(self._execution.policy, now_s)
            if not bookings:
                more_to_come = bool(self._pending) or again_s is not None
                self._cluster.check_progress(more_to_come=more_to_come)
            waits = (again_s, self._until_arrival_s())
            self._workers.wait(min((s for s in waits if s is not None), default=None))
            with interrupts.held():
                self._hear_all()

    def _until_arrival_s(self) -> float | None:
        if not self._pending:
            return None
        return max(0.0, self._pending[0].job.arrival_s - self._now_s())

    def _submit(self, each: ProfiledJob) -> None:
        self._cluster.submit(each.job, each.key, each.costs)

    def _start(self, booking: Booking) -> None:
        each, device = self._problem.by_id[booking.job], booking.devices[0]
        job, place = each.job, (device, booking.slot)
        predicted_bytes = each.costs[device.partition(":")[0]].peak_bytes
        record = JobRecord(job, booking, self._now_s(), predicted_bytes)
        self._records[job.id] = self._running[place] = record
        self._ledger.admit(device, job.id, predicted_bytes)
        self._observer.started(booking, job.steps)
        self._workers.start(TrainingOrder(place, job, booking.cores, self._model_path(job)))

    def _model_path(self, job: Job) -> Path:
        return self._execution.folder / "models" / f"{job.id}.pt"

    def _hear_all(self) -> None:
        """All events that have come: completions noticed together are all booked before the
        next decision."""
        for event in self._workers.events():
            self._hear(event, self._running[event.place])

    def _hear(self, event: Event, record: JobRecord) -> None:
        job = record.job
        match event:
            case PhaseBegan(phase=phase):
                record.phases.append((phase, event.at_s - self._begin_s))
                self._observer.phase(job.id, phase)
            case StepsMade(ends_s=ends_s):
                record.step_ends_s.extend(end_s - self._begin_s for end_s in ends_s)
                self._observer.progress(job.id, len(record.step_ends_s))
            case LossWentBad(step=step, text=text):
                record.nan_step, record.error = step, text
                self._observer.not_finite(job.id, text, job.on_nan)
            case CoresExchanged(taken_us=taken_us):
                record.exchanges_us.append(taken_us)
            case JobEnded(answer=answer):
                record.answer = answer
                record.state = "interrupted" if answer["interrupted"] else "done"
                self._end(event.place, event.at_s - self._begin_s)
            case JobFailed(failure=failure):
                self._fail(event.place, event.at_s - self._begin_s, failure)

    def _fail(self, place: Place, at_s: float, failure: RunFailed) -> None:
        record, text = self._running[place], str(failure)
        record.state, record.error = "failed", failure.reason
        if record.job.is_own and text.rstrip() != failure.reason:
            self._observer.failed(record.job.id, text)
        self._end(place, at_s)
        self._keep_failure(record.job.id, text)

    def _end(self, place: Place, at_s: float) -> None:
        record = self._running.pop(place)
        record.end_s = at_s
        self._ledger.release(place[0], record.job.id, record.answer.get("peak_bytes"))
        self._cluster.finish(record.job.id, failed=record.state != "done")
        self._observer.ended(record.job.id, record.state, record.error)

    def _keep_failure(self, job: str, text: str) -> None:
        """Write why ``job`` failed; a disk that takes nothing more costs that file only."""
        path = self._execution.folder / "failures" / f"{job}.txt"
        with contextlib.suppress(OSError):
            write_text(path, f"{text.rstrip()}\n")

    def _wind_down(self) -> None:
        """Ask every running job to stop at its next step and take what it still reports."""
        for place in self._running:
            self._workers.ask_to_stop(place)
        end_s = time.monotonic() + STOP_GRACE_S
        while self._running and (left_s := end_s - time.monotonic()) > 0:
            self._workers.wait(left_s)
            self._hear_all()
        for place in list(self._running):
            self._end(place, self._now_s())

    def _remove_unfinished(self) -> None:
        for record in self._records.values():
            if record.state != "done":
                unfinished(self._model_path(record.job)).unlink(missing_ok=True)

    def _executed(self, usage: Usage, interrupted: bool, failure: Exception | None) -> ExecutedRun:
        run, policy = self._execution.run, self._execution.policy.origin
        records = list(self._records.values())
        bookings = tuple(sorted((r.booking for r in records), key=lambda b: b.order))
        return ExecutedRun(
            timeline=timeline_of(records, run),
            summary=measured_summary(run, self._problem, policy, self._records, usage),
            bookings=bookings,
            step_ends_s={record.job.id: record.step_ends_s for record in records},
            interrupted=interrupted,
            failure=failure,
        )
