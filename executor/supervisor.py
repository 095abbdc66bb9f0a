"""Drive a policy on the real clock. No torch here: the training is in the workers."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path

import psutil

from executor.ledger import Ledger
from executor.observer import Observer
from executor.pool import Place, WorkerPool
from executor.record import JobRecord, timeline_of
from rmixer.cluster import Booking, Cluster
from rmixer.cost_identity import cost_identity
from rmixer.errors import RunFailed
from rmixer.layout import Layout
from rmixer.machine import Machine
from rmixer.policies.base import Policy
from rmixer.profile import ModelProfile
from rmixer.step_times import StepTimes
from rmixer.summary import DeviceSummary, JobSummary, RunSummary
from rmixer.timeline import Timeline
from rmixer.training.process import Message
from rmixer.workload import Job, Workload

STOP_GRACE_S = 2.0


@dataclass(frozen=True)
class ExecutedRun:
    """What happened: the timeline, its summary, the bookings in order, and the ends of each
    job's steps in seconds of the run."""

    timeline: Timeline
    summary: RunSummary
    bookings: tuple[Booking, ...]
    step_ends_s: Mapping[str, list[float]]
    interrupted: bool


class Supervisor:
    """Runs one workload by one policy. ``folder`` takes what the jobs leave behind."""

    def __init__(
        self,
        workload: Workload,
        profiles: Mapping[str, ModelProfile],
        machine: Machine,
        policy: Policy,
        layout: Layout,
        folder: Path,
        *,
        run: str = "measured",
        step_times: StepTimes | None = None,
        used_bytes: Mapping[str, int] | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._workload, self._profiles, self._machine = workload, profiles, machine
        self._policy, self._layout, self._folder, self._run = policy, layout, folder, run
        self._cluster = Cluster(machine, layout, step_times, used_bytes)
        self._threads = {entry.device: entry.threads for entry in layout.devices}
        self._observer = observer or Observer()
        self._pool = WorkerPool(machine, layout, folder / "workers")
        self._ledger = Ledger()
        self._pending = sorted(workload.jobs, key=lambda job: job.arrival_s)
        self._records: dict[str, JobRecord] = {}
        self._running: dict[Place, JobRecord] = {}
        self._begin_s = 0.0

    def execute(self, probe_s: float | None = None) -> ExecutedRun:
        """Run to the end, or until interrupted; either way no process is left behind and what
        was recorded is returned."""
        interrupted = False
        cpu_s = self._cpu_seconds()
        try:
            try:
                self._observer.warming(sum(entry.slots for entry in self._layout.devices))
                self._pool.start()
                cpu_s = self._cpu_seconds()
                self._begin_s = time.perf_counter()
                self._loop()
            except KeyboardInterrupt:
                interrupted = True
                with _undisturbed():
                    self._wind_down()
            cpu_s = self._cpu_seconds() - cpu_s
        finally:
            with _undisturbed():
                self._pool.stop(0.5 if not self._running else 0.0)
        return self._executed(interrupted, cpu_s, probe_s)

    def _now_s(self) -> float:
        return time.perf_counter() - self._begin_s

    def _loop(self) -> None:
        while self._pending or self._running or self._cluster.view(0.0).queued:
            now_s = self._now_s()
            while self._pending and self._pending[0].arrival_s <= now_s:
                self._submit(self._pending.pop(0))
            for booking in self._cluster.decide(self._policy, now_s):
                self._start(booking)
            self._cluster.check_progress(more_to_come=bool(self._pending))
            self._take_messages(self._until_arrival_s())

    def _until_arrival_s(self) -> float | None:
        if not self._pending:
            return None
        return max(0.0, self._pending[0].arrival_s - self._now_s())

    def _submit(self, job: Job) -> None:
        identity = cost_identity(job).key
        self._cluster.submit(job, identity, self._profiles[identity].costs())

    def _start(self, booking: Booking) -> None:
        job = next(job for job in self._workload.jobs if job.id == booking.job)
        device = booking.devices[0]
        record = JobRecord(job, booking, self._threads[device], start_s=self._now_s())
        self._records[job.id] = self._running[device, booking.slot] = record
        self._ledger.admit(device, job.id, self._predicted_peak(job, device))
        self._observer.started(booking, job.steps)
        try:
            self._pool[device, booking.slot].start(
                "rmixer.training.train_job:train_job",
                job=vars(job),
                save_to=str(self._folder / "models" / f"{job.id}.pt"),
            )
        except RunFailed as error:
            self._lost((device, booking.slot), str(error))

    def _predicted_peak(self, job: Job, device: str) -> int:
        costs = self._profiles[cost_identity(job).key].costs()
        return costs[device.partition(":")[0]].peak_bytes

    def _take_messages(self, timeout_s: float | None) -> None:
        """All messages that have come, at least one unless ``timeout_s`` passes: completions
        noticed together are all booked before the next decision."""
        places = {self._pool[place].connection: place for place in self._running}
        for connection in wait(list(places), timeout_s):
            place = places[connection]  # type: ignore[index]
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
        elif message["kind"] == "failed":
            record.state, record.error = "failed", message["error"]
            failure = self._folder / "failures" / f"{record.job.id}.txt"
            failure.parent.mkdir(parents=True, exist_ok=True)
            failure.write_text(message["traceback"], encoding="utf-8")
            self._end(place, message["at"] + to_run_s)

    def _end(self, place: Place, at_s: float) -> None:
        record = self._running.pop(place)
        record.end_s = at_s
        self._ledger.release(place[0], record.job.id, record.answer.get("peak_bytes"))
        self._cluster.finish(record.job.id, failed=record.state != "done")
        self._observer.ended(record.job.id, record.state, record.error)

    def _lost(self, place: Place, why: str) -> None:
        """A worker died: its job has failed, its slot gets a fresh worker."""
        record = self._running[place]
        record.state, record.error = "failed", why
        self._end(place, self._now_s())
        self._pool.replace(place)

    def _wind_down(self) -> None:
        """Ask every running job to stop at its next step and take what it still reports."""
        for place in list(self._running):
            with contextlib.suppress(RunFailed):
                self._pool[place].send("stop")
        end_s = time.monotonic() + STOP_GRACE_S
        while self._running and (left_s := end_s - time.monotonic()) > 0:
            places = {self._pool[place].connection: place for place in self._running}
            for connection in wait(list(places), left_s):
                place = places[connection]  # type: ignore[index]
                try:
                    self._take(place, self._pool[place].receive())
                except RunFailed:
                    self._end(place, self._now_s())
        for place in list(self._running):
            self._end(place, self._now_s())

    def _cpu_seconds(self) -> float:
        total = 0.0
        for _, worker in self._pool.items():
            with contextlib.suppress(psutil.Error):
                times = psutil.Process(worker.pid).cpu_times()
                total += times.user + times.system
        return total

    def _executed(self, interrupted: bool, cpu_s: float, probe_s: float | None) -> ExecutedRun:
        records = list(self._records.values())
        makespan_s = max((record.end_s for record in records), default=0.0)
        jobs = tuple(self._summary(job) for job in self._workload.jobs)
        samples = sum(job.samples for job in jobs)
        cores = len(self._machine.cores)
        summary = RunSummary(
            run=self._run,
            workload=self._workload.name,
            machine=self._machine.name,
            origin="measured",
            policy=self._policy.origin,
            makespan_s=makespan_s,
            samples_per_s=samples / makespan_s if makespan_s else 0.0,
            startup_s=self._pool.startup_s,
            jobs=jobs,
            devices=tuple(
                DeviceSummary(
                    name=device,
                    busy_fraction=cpu_s / (cores * makespan_s) if makespan_s else 0.0,
                    peak_bytes=peak_bytes,
                )
                for device, peak_bytes in self._ledger.peaks.items()
            ),
            probe_s=probe_s,
        )
        bookings = tuple(sorted((r.booking for r in records), key=lambda b: b.order))
        return ExecutedRun(
            timeline=timeline_of(records, self._run),
            summary=summary,
            bookings=bookings,
            step_ends_s={record.job.id: record.step_ends_s for record in records},
            interrupted=interrupted,
        )

    def _summary(self, job: Job) -> JobSummary:
        if job.id in self._records:
            record = self._records[job.id]
            return record.summary(self._predicted_peak(job, record.booking.devices[0]))
        return JobSummary(
            id=job.id,
            model=job.model,
            device="",
            slot=0,
            threads=0,
            attempt=0,
            start_s=0.0,
            end_s=0.0,
            steps=0,
            samples=0,
            step_ms_p50=None,
            step_ms_mean=None,
            stall_s=0.0,
            peak_bytes=0,
            state="queued",
        )


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Let no second Ctrl-C interrupt the ending of the workers, which takes seconds at most."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
