"""Drive a policy on the real clock. No torch here: the training is in the workers."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path

from executor.records.job_record import JobRecord, timeline_of
from executor.records.measured_summary import measured_summary
from executor.records.memory_ledger import Ledger
from executor.supervision.interrupts import Interrupts
from executor.supervision.observer import Observer
from executor.workers.pool import Place, WorkerPool
from rmixer.errors import RunFailed
from rmixer.files.typed_files import write_text
from rmixer.run_record.run_summary import RunSummary
from rmixer.run_record.timeline import Timeline
from rmixer.scheduling.cluster import Booking, Cluster
from rmixer.scheduling.layout import Layout
from rmixer.scheduling.policy import Policy
from rmixer.scheduling.problem import Problem, ProfiledJob
from rmixer.scheduling.step_times import StepTimes
from rmixer.training.process import Message
from rmixer.training.tasks import TRAIN_JOB
from rmixer.training.train_job import unfinished
from rmixer.workload.workload import Job

STOP_GRACE_S = 2.0
EXIT_GRACE_S = 0.5


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
    """Runs the workload of one problem by one policy. ``folder`` takes what the jobs leave."""

    def __init__(
        self,
        problem: Problem,
        policy: Policy,
        layout: Layout,
        folder: Path,
        *,
        run: str = "measured",
        step_times: StepTimes | None = None,
        used_bytes: Mapping[str, int] | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._problem = problem
        self._policy, self._layout, self._folder, self._run = policy, layout, folder, run
        self._cluster = Cluster(problem.machine, layout, step_times, used_bytes)
        self._threads = {entry.device: entry.threads for entry in layout.devices}
        self._observer = observer or Observer()
        self._pool = WorkerPool(problem.machine, layout, folder / "workers")
        self._ledger = Ledger()
        self._pending = sorted(problem.jobs, key=lambda each: each.job.arrival_s)
        self._records: dict[str, JobRecord] = {}
        self._running: dict[Place, JobRecord] = {}
        self._begin_s = 0.0

    def execute(self, probe_s: float | None = None) -> ExecutedRun:
        """Run to the end, or until it is interrupted or fails; either way no process is left
        behind and what was recorded is returned."""
        interrupted, failure = False, None
        cpu_s = self._pool.cpu_seconds()
        with Interrupts() as interrupts:
            try:
                try:
                    self._observer.warming(sum(entry.slots for entry in self._layout.devices))
                    self._pool.start()
                    cpu_s = self._pool.cpu_seconds()
                    self._begin_s = time.perf_counter()
                    self._loop(interrupts)
                except KeyboardInterrupt:
                    interrupted = True
                except Exception as error:
                    failure = error
                self._wind_down()
                cpu_s = self._pool.cpu_seconds() - cpu_s
            finally:
                self._pool.stop(EXIT_GRACE_S)
                self._remove_unfinished()
        return self._executed(interrupted, failure, cpu_s, probe_s)

    def _now_s(self) -> float:
        return time.perf_counter() - self._begin_s

    def _loop(self, interrupts: Interrupts) -> None:
        while self._pending or self._running or self._cluster.view(0.0).queued:
            self._pool.replace_ended(self._running)
            now_s = self._now_s()
            while self._pending and self._pending[0].job.arrival_s <= now_s:
                self._submit(self._pending.pop(0))
            bookings = self._cluster.decide(self._policy, now_s)
            for booking in bookings:
                with interrupts.held():
                    self._start(booking)
            if not bookings:
                self._cluster.check_progress(more_to_come=bool(self._pending))
            if self._running or not bookings:  # else all that were started are lost already
                self._wait(self._until_arrival_s())
            with interrupts.held():
                self._take_messages()

    def _until_arrival_s(self) -> float | None:
        if not self._pending:
            return None
        return max(0.0, self._pending[0].job.arrival_s - self._now_s())

    def _submit(self, each: ProfiledJob) -> None:
        self._cluster.submit(each.job, each.key, each.profile.costs())

    def _start(self, booking: Booking) -> None:
        each, device = self._problem.by_id[booking.job], booking.devices[0]
        job = each.job
        predicted_bytes = each.profile.costs()[device.partition(":")[0]].peak_bytes
        record = JobRecord(job, booking, self._threads[device], self._now_s(), predicted_bytes)
        self._records[job.id] = self._running[device, booking.slot] = record
        self._ledger.admit(device, job.id, predicted_bytes)
        self._observer.started(booking, job.steps)
        place = (device, booking.slot)
        try:
            record.exchanges_us.extend(self._pool.exchange_us(place))
            self._pool[place].start(
                TRAIN_JOB,
                job=job,
                save_to=str(self._model_path(job)),
            )
        except RunFailed as error:
            self._lost(place, str(error))

    def _model_path(self, job: Job) -> Path:
        return self._folder / "models" / f"{job.id}.pt"

    def _wait(self, timeout_s: float | None) -> None:
        """Until a message has come, or a worker has died, or ``timeout_s`` has passed."""
        wait([self._pool[place].connection for place in self._running], timeout_s)

    def _take_messages(self) -> None:
        """All messages that have come: completions noticed together are all booked before the
        next decision."""
        for place in list(self._running):
            while place in self._running and self._pool[place].connection.poll():
                try:
                    message = self._pool[place].receive()
                except RunFailed as error:
                    self._lost(place, str(error))
                    break
                self._take(place, message)

    def _take(self, place: Place, message: Message) -> None:
        record = self._running[place]
        to_run_s = self._pool[place].offset_s - self._begin_s
        if message["kind"] == "phase":
            record.phases.append((message["phase"], message["at"] + to_run_s))
            self._observer.phase(record.job.id, message["phase"])
        elif message["kind"] == "steps":
            record.step_ends_s.extend(end_s + to_run_s for end_s in message["ends"])
            self._observer.progress(record.job.id, len(record.step_ends_s))
        elif message["kind"] == "done":
            record.answer = message["answer"]
            record.state = "interrupted" if record.answer["interrupted"] else "done"
            self._end(place, message["at"] + to_run_s)
            with contextlib.suppress(RunFailed):  # one that has died since is replaced
                record.exchanges_us.extend(self._pool.exchange_us(place))
        elif message["kind"] == "not_finite":
            record.nan_step, record.error = message["step"], message["text"]
            self._observer.not_finite(record.job.id, message["text"], record.job.on_nan)
        elif message["kind"] == "failed":
            record.state, record.error = "failed", message["error"]
            if record.job.is_own and message["traceback"].rstrip() != message["error"]:
                self._observer.failed(record.job.id, message["traceback"])
            self._end(place, message["at"] + to_run_s)
            self._keep_failure(record.job.id, message["traceback"])

    def _end(self, place: Place, at_s: float) -> None:
        record = self._running.pop(place)
        record.end_s = at_s
        self._ledger.release(place[0], record.job.id, record.answer.get("peak_bytes"))
        self._cluster.finish(record.job.id, failed=record.state != "done")
        self._observer.ended(record.job.id, record.state, record.error)

    def _lost(self, place: Place, why: str) -> None:
        """A worker died: its job has failed."""
        record = self._running[place]
        record.state, record.error = "failed", why
        self._end(place, self._now_s())
        self._pool[place].kill()
        self._keep_failure(record.job.id, f"{why}\n")

    def _keep_failure(self, job: str, text: str) -> None:
        """Write why ``job`` failed; a disk that takes nothing more costs that file only."""
        with contextlib.suppress(OSError):
            write_text(self._folder / "failures" / f"{job}.txt", text)

    def _wind_down(self) -> None:
        """Ask every running job to stop at its next step and take what it still reports."""
        for place in list(self._running):
            with contextlib.suppress(RunFailed):
                self._pool[place].send("stop")
        end_s = time.monotonic() + STOP_GRACE_S
        while self._running and (left_s := end_s - time.monotonic()) > 0:
            self._wait(left_s)
            self._take_messages()
        for place in list(self._running):
            self._end(place, self._now_s())

    def _remove_unfinished(self) -> None:
        for record in self._records.values():
            if record.state != "done":
                unfinished(self._model_path(record.job)).unlink(missing_ok=True)

    def _executed(
        self,
        interrupted: bool,
        failure: Exception | None,
        cpu_s: float,
        probe_s: float | None,
    ) -> ExecutedRun:
        summary = measured_summary(
            self._run,
            self._problem.workload,
            self._problem.machine,
            self._policy.origin,
            self._records,
            startup_s=self._pool.startup_s,
            probe_s=probe_s,
            peaks=self._ledger.peaks,
            cpu_s=cpu_s,
        )
        records = list(self._records.values())
        bookings = tuple(sorted((r.booking for r in records), key=lambda b: b.order))
        return ExecutedRun(
            timeline=timeline_of(records, self._run),
            summary=summary,
            bookings=bookings,
            step_ends_s={record.job.id: record.step_ends_s for record in records},
            interrupted=interrupted,
            failure=failure,
        )
