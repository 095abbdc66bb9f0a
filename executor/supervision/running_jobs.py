"""The jobs that run: starts them, books their events, checks on them, ends them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from executor.records.job_record import JobRecord, State
from executor.records.run_records import RunRecords
from executor.supervision.books import Books
from executor.supervision.execution import Execution, failure_of, log_of
from executor.supervision.observer import Observer
from executor.supervision.retries import again_after_s, corrected_peak_bytes
from executor.supervision.watch import Watch
from executor.workers.memory_guard import MOST_OF_PROMISE
from executor.workers.workers import (
    Checkpointed,
    CheckpointFailed,
    CoresExchanged,
    Event,
    JobEnded,
    JobFailed,
    LossWentBad,
    NoStepYet,
    OutputLost,
    PhaseBegan,
    Place,
    Resumed,
    StepsMade,
    TrainingOrder,
    Workers,
)
from rmixer.errors import RunFailed
from rmixer.files.typed_files import write_text
from rmixer.hardware.machine import gpu_number
from rmixer.scheduling.booking import Booking
from rmixer.training.checkpoint import remove_checkpoints
from rmixer.training.task_failure import OutOfMemory, TaskFailed, cause_of

SILENT_S, SILENT_STEPS, SLOWER = 60.0, 10, 3.0
"""A program without a step is reported after the longer of two times: ``SILENT_S``, and
``SLOWER`` times its time alone to begin and do ``SILENT_STEPS`` steps."""
STOP_HANG_S = 20.0
"""A job that was asked to stop is ended after doing nothing for this long."""


class RunningJobs:
    """Carries out the bookings of ``execution`` by its ``workers``. ``to_run_s`` converts a time of
    ``time.perf_counter`` to the run's clock."""

    def __init__(
        self,
        execution: Execution,
        workers: Workers,
        books: Books,
        observer: Observer,
        to_run_s: Callable[[float], float],
    ) -> None:
        self._execution, self._workers = execution, workers
        self._books, self._observer, self._to_run_s = books, observer, to_run_s
        self._watch = Watch(workers, execution.hang_after_s)
        self._at: dict[Place, JobRecord] = {}
        self._ending = False
        self._unkept: set[str] = set()
        """The jobs whose last checkpoint could not be written."""
        self._told_lost = False
        self.again_s: dict[str, float] = {}
        """The time at which each failed job is tried again, by the run's clock."""

    def __bool__(self) -> bool:
        return bool(self._at)

    def __len__(self) -> int:
        return len(self._at)

    def start(self, booking: Booking, now_s: float) -> None:
        """Starts a job that the books have dispatched."""
        record = self._books.records.last(booking.job)
        assert record is not None
        job, place = record.job, (booking.devices[0], booking.slot)
        self._at[place] = record
        self._watch.alive(place, now_s)
        self._observer.started(booking, job.steps)
        on_gpu = gpu_number(place[0]) is not None
        most_bytes = max(1, round(MOST_OF_PROMISE * record.predicted_bytes) - record.context_bytes)
        order = TrainingOrder(
            place,
            job,
            booking.cores,
            self._execution.files(job),
            0 if on_gpu else record.predicted_bytes,
            steps_made=self._books.records.steps_made_before(job.id),
            log=log_of(self._execution.folder, job.id),
            most_gpu_bytes=most_bytes if on_gpu else 0,
            first_step_s=max(SILENT_S, SLOWER * self._known_s(booking)),
        )
        self._workers.start(order)

    def _known_s(self, booking: Booking) -> float:
        """Seconds that the job needs alone to begin and do a few steps; unknown parts count as
        0."""
        cost = self._books.records.jobs[booking.job].costs[booking.devices[0].partition(":")[0]]
        threads = len(booking.cores)
        step_s = cost.step_s.get(threads, 0.0)
        return cost.before_s.get(threads, 0.0) + SILENT_STEPS * step_s

    def hear(self, now_s: float) -> bool:
        """Books all new events. Completions noticed together are all booked before the next
        decision. Returns True if a job has ended."""
        ended = False
        for event in self._workers.events():
            if not isinstance(event, NoStepYet):
                self._watch.alive(event.place, now_s)
            self._hear(event, self._at[event.place], now_s)
            ended = ended or isinstance(event, JobEnded | JobFailed)
        return ended

    def look_after(self, now_s: float) -> None:
        """Ends the jobs that hang or take too much memory. Their ends come as events."""
        for place, why in self._watch.look(self._at, now_s):
            self._workers.end(place, why)

    def stop(self, job: str) -> None:
        """Asks ``job``, which runs, to end after its present step."""
        for place, record in self._at.items():
            if record.job.id == job:
                self._workers.ask_to_stop(place)

    def ask_to_stop(self, now_s: float) -> None:
        """Asks all jobs to finish their step and to write a checkpoint. From now on a job that does
        nothing for a while is ended."""
        self._ending = True
        self._watch.hurry(STOP_HANG_S, now_s)
        for place in self._at:
            self._workers.ask_to_stop(place)

    def give_up(self, now_s: float) -> None:
        """Books the end of all jobs; the caller then kills their workers."""
        for place in list(self._at):
            self._end(place, now_s, "interrupted", {})

    def _hear(self, event: Event, record: JobRecord, now_s: float) -> None:
        job, at_s, books = record.job, self._to_run_s(event.at_s), self._books
        match event:
            case PhaseBegan(phase=phase):
                books.happened("phase", at_s, job.id, phase=phase)
                if self._ending or job.id in books.records.cancelled:
                    # A worker that was not warm yet when it was asked has forgotten it.
                    self._workers.ask_to_stop(event.place)
                self._observer.phase(job.id, phase)
            case StepsMade(ends_s=ends_s, loss=loss):
                books.steps_made(job.id, [self._to_run_s(end_s) for end_s in ends_s], loss)
                self._observer.progress(job.id, record.steps)
            case Resumed(steps=steps, remarks=remarks):
                books.happened("resumed", at_s, job.id, steps=steps, remarks=remarks)
                for remark in remarks:
                    self._observer.told(f"{job.id}: {remark}")
                self._observer.progress(job.id, record.steps)
            case Checkpointed(steps=steps, took_s=took_s):
                books.happened("checkpointed", at_s, job.id, steps=steps, took_s=took_s)
                if job.id in self._unkept:
                    self._unkept.remove(job.id)
                    self._observer.told(f"{job.id}: checkpoints are written again")
            case CheckpointFailed(text=text):
                books.happened("checkpoint_failed", at_s, job.id, text=text)
                if job.id not in self._unkept:
                    self._unkept.add(job.id)
                    self._observer.told(f"{job.id}: no checkpoint was written: {text}")
            case LossWentBad(step=step, text=text):
                books.happened("not_finite", at_s, job.id, step=step, text=text)
                self._observer.not_finite(job.id, text, job.on_nan)
            case NoStepYet(text=text):
                books.happened("no_step_yet", at_s, job.id, text=text)
                self._observer.told(f"{job.id}: {text}")
            case OutputLost(text=text):
                if not self._told_lost:
                    self._told_lost = True
                    self._observer.told(
                        f"{job.id}: its output cannot be written ({text}): lines are left out "
                        "of its log, and training goes on"
                    )
            case CoresExchanged(taken_us=taken_us):
                books.happened("exchanged", at_s, job.id, taken_us=taken_us)
            case JobEnded(answer=answer):
                state = "interrupted" if answer["interrupted"] else "done"
                if "remark" in answer:
                    self._observer.told(f"{job.id}: {answer['remark']}")
                self._end(event.place, at_s, state, answer)
            case JobFailed(failure=failure):
                self._fail(event.place, at_s, failure, now_s)

    def _end(self, place: Place, at_s: float, state: str, answer: Mapping[str, object]) -> None:
        record = self._at.pop(place)
        job = record.job.id
        state = state if state == "done" else cut_state(self._books.records, job)
        self._books.happened("ended", at_s, job, state=state, answer=answer)
        if state in ("done", "cancelled"):
            try:
                remove_checkpoints(self._execution.checkpoint(job))
            except OSError as error:
                self._observer.told(f"{job}: its checkpoints are left behind: {error.strerror}")
        self._observer.ended(job, state, record.error)

    def _fail(self, place: Place, at_s: float, failure: RunFailed, now_s: float) -> None:
        record, text, cause = self._at.pop(place), str(failure), cause_of(failure)
        job = record.job
        failures = self._books.records.failures(job.id) + 1
        pause_s = again_after_s(cause, failures, job.retries)
        if job.id in self._books.records.cancelled:
            pause_s = None
        again_s = None if pause_s is None else now_s + pause_s
        peaks = {}
        if again_s is not None and cause == "out_of_memory":
            held_bytes = failure.held_bytes if isinstance(failure, OutOfMemory) else 0
            if gpu_number(place[0]) is not None:
                held_bytes = 0  # what was seen is of the host's memory
            peaks = self._corrected(record, held_bytes)
        self._books.happened(
            "failed",
            at_s,
            job.id,
            cause=cause,
            reason=failure.reason,
            text=text,
            again_s=again_s,
            peaks=peaks,
            answer=dict(failure.answer) if isinstance(failure, TaskFailed) else {},
        )
        self._keep_failure(job.id, text)
        if again_s is not None and pause_s is not None:
            self.again_s[job.id] = again_s
            self._observer.retried(job.id, failure.reason, pause_s)
            return
        if job.is_own and text.rstrip() != failure.reason:
            self._observer.failed(job.id, text)
        self._observer.ended(job.id, "failed", failure.reason)

    def _corrected(self, record: JobRecord, seen_bytes: int) -> dict[str, int]:
        """The bytes to book for the job from now on, by kind of device."""
        device = record.booking.devices[0]
        most_bytes = self._books.cluster.most_bytes(device)
        return {device.partition(":")[0]: corrected_peak_bytes(record, seen_bytes, most_bytes)}

    def _keep_failure(self, job: str, text: str) -> None:
        """Writes the failure text of ``job``. A full disk costs only that file: the journal has the
        same text."""
        path = failure_of(self._execution.folder, job)
        try:
            write_text(path, f"{text.rstrip()}\n")
        except OSError as error:
            self._observer.told(f"{job}: {path} is not written: {error.strerror}")


def cut_state(records: RunRecords, job: str) -> State:
    """The final state of a job that stops before it is done."""
    return "cancelled" if job in records.cancelled else "interrupted"
