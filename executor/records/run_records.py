"""The records of all attempts at all jobs of a run, built from its transitions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from executor.journal.journal import StepsMade
from executor.journal.transitions import Transition
from executor.records.job_record import JobRecord
from executor.records.known_job import KnownJob, known_jobs
from executor.records.memory_ledger import Ledger
from executor.records.run_plan import RunPlan
from executor.records.supervising_process import SupervisingProcess
from rmixer.errors import InputError, choice
from rmixer.files.typed_files import parse
from rmixer.scheduling.booking import Booking
from rmixer.workload.workload import Job

JobState = Literal["queued", "running", "waiting", "done", "failed", "interrupted", "cancelled"]
"""``waiting``: the job failed and is tried again after a pause. ``interrupted``: it goes on when
the run does."""

ENDED = ("done", "failed", "cancelled")


def in_order(
    transitions: Sequence[Transition], known: Collection[str] = ()
) -> Iterator[Transition]:
    """Yields transitions that add jobs first, then all others. Transitions of unknown jobs are left
    out: a damaged journal may have lost the start. If the jobs that a run begins with are
    ``known``, only later additions are taken."""
    jobs = set(known)
    for transition in transitions:
        if transition.kind == "added" and (transition.detail["late"] or not known):
            jobs.update(each["job"]["id"] for each in transition.detail["jobs"])
            yield transition
    for transition in transitions:
        if transition.kind != "added" and (not transition.job or transition.job in jobs):
            yield transition


class RunRecords:
    """The facts about a run and its jobs. A live run, a resumed run and a process that only watches
    apply the same transitions and so have the same facts."""

    def __init__(self) -> None:
        self.plan: RunPlan | None = None
        self.process: SupervisingProcess | None = None
        self.closed: str | None = None
        """How the run was closed since it was last opened: done, failed, interrupted; None if it
        was not."""
        self.warm = False
        """True if its workers have been ready since then."""
        self.jobs: dict[str, KnownJob] = {}
        """All jobs by their ids, in order of submission; jobs added later come last."""
        self.ledger = Ledger()
        self.submitted: set[str] = set()
        self.cancelled: set[str] = set()
        self.parts = 0
        """The number of times that the run was opened."""
        self.interruptions = 0
        """The number of times that it was opened again before it had ended."""
        self._attempts: dict[str, list[JobRecord]] = {}
        self._failures: dict[str, int] = {}
        self._peaks: dict[str, Mapping[str, int]] = {}
        self._again_s: dict[str, float] = {}
        self._states: dict[str, JobState] = {}

    @property
    def attempts(self) -> Mapping[str, Sequence[JobRecord]]:
        """The attempts at each job that was started at least once."""
        return self._attempts

    @property
    def running(self) -> list[JobRecord]:
        """The attempts that run now."""
        return [each[-1] for each in self._attempts.values() if not each[-1].has_ended]

    def last(self, job: str) -> JobRecord | None:
        """The last attempt at ``job``; None if it was never started."""
        return self._attempts[job][-1] if job in self._attempts else None

    def is_done(self, job: str) -> bool:
        """True if ``job`` has ended successfully."""
        record = self.last(job)
        return record is not None and record.state == "done"

    def steps_made_before(self, job: str) -> int:
        """The steps of ``job`` that were done before its last attempt started."""
        attempts = self._attempts.get(job, [])
        return attempts[-2].steps if len(attempts) > 1 else 0

    def peaks(self, job: str) -> Mapping[str, int]:
        """Bytes that ``job`` needs by kind of device, if it ran out of memory before; these replace
        its profile's."""
        return self._peaks.get(job, {})

    def failures(self, job: str) -> int:
        """The number of failures of ``job`` since the run was last opened."""
        return self._failures.get(job, 0)

    def state(self, job: str) -> JobState:
        """The present state of ``job``."""
        return self._states[job]

    def again_s(self, job: str) -> float | None:
        """The time at which ``job`` is tried again, if it is ``waiting``; else None."""
        return self._again_s.get(job)

    def check_cancel(self, job: str) -> None:
        """Raises :class:`InputError` for a job that the run does not have, or that has ended."""
        if job not in self.jobs:
            raise InputError("JOB", "", repr(job), f"a job of the run: {choice(job, self.jobs)}")
        if job in self.cancelled or self.state(job) in ENDED:
            ended = f"has ended ({self.state(job)})"
            how = "is cancelled already" if job in self.cancelled else ended
            raise InputError("JOB", "", f"{job}, which {how}", "a job that runs or waits")

    def check_added(self, jobs: Iterable[Job]) -> None:
        """Raises :class:`InputError` for a job whose id the run already has."""
        for job in jobs:
            if job.id in self.jobs:
                found = f"{job.id!r}, a job of the run"
                allowed = "ids that it does not have: give the jobs an `id` in the workload file"
                raise InputError("WORKLOAD", "id", found, allowed)

    def add_steps(self, made: StepsMade) -> None:
        """Further steps have ended."""
        for record in self._attempts.get(made.job, ()):
            if record.booking.attempt == made.attempt:
                record.step_ends_s.extend(made.ends_s)
                record.loss = record.loss if made.loss is None else made.loss

    def apply(self, transition: Transition) -> None:
        """Records ``transition``."""
        detail, at_s = transition.detail, transition.at_s
        match transition.kind:
            case "opened":
                self.interruptions += self.parts > 0 and self.closed != "done"
                self.parts, self.closed, self.warm = self.parts + 1, None, False
                self._failures.clear()
                self.process = parse(dict(detail["process"]), SupervisingProcess, "the journal")
                self.plan = parse(dict(detail["plan"]), RunPlan, "the journal")
            case "warmed":
                self.warm = True
            case "closed":
                self.closed = detail["state"]
            case "added":
                for each in known_jobs(detail):
                    self.jobs[each.job.id] = each
                    self._states.setdefault(each.job.id, "queued")
            case "submitted":
                self.submitted.add(transition.job)
            case "cancelled":
                self.cancelled.add(transition.job)
                if self._states[transition.job] != "running":
                    self._states[transition.job] = "cancelled"
            case "dispatched":
                self._start(transition)
            case "ended" | "failed":
                self._end(transition)
            case "requeued":
                self._again_s.pop(transition.job, None)
                self._states[transition.job] = "queued"
            case _:
                record = self._attempts[transition.job][-1]
                _note(record, transition.kind, at_s, detail)

    def _start(self, transition: Transition) -> None:
        booking = parse(dict(transition.detail["booking"]), Booking, "the journal")
        each, device = self.jobs[transition.job], booking.devices[0]
        kind = device.partition(":")[0]
        predicted_bytes = max(each.costs[kind].peak_bytes, self.peaks(transition.job).get(kind, 0))
        before = self.last(transition.job)
        record = JobRecord(
            each.job,
            booking,
            transition.at_s,
            before.end_s if before else each.job.arrival_s,
            predicted_bytes,
            each.costs[kind].context_bytes,
        )
        self._attempts.setdefault(transition.job, []).append(record)
        self._states[transition.job] = "running"
        self.ledger.admit(device, transition.job, record.predicted_bytes)

    def _end(self, transition: Transition) -> None:
        record, detail = self._attempts[transition.job][-1], transition.detail
        record.has_ended, record.end_s = True, transition.at_s
        if transition.kind == "ended":
            record.answer, record.state = dict(detail["answer"]), detail["state"]
            self._states[transition.job] = record.state
        else:
            record.state, record.error, record.cause = "failed", detail["reason"], detail["cause"]
            record.answer = dict(detail.get("answer", {}))  # journals of earlier releases have none
            self._failures[transition.job] = self.failures(transition.job) + 1
            self._states[transition.job] = "failed"
            if (again_s := detail["again_s"]) is not None:
                self._again_s[transition.job] = again_s
                self._states[transition.job] = "waiting"
            self._peaks[transition.job] = {**self.peaks(transition.job), **detail["peaks"]}
        self.ledger.release(record.booking.devices[0], transition.job, record.peak_bytes)


def _note(record: JobRecord, kind: str, at_s: float, detail: Mapping[str, Any]) -> None:
    match kind:
        case "phase":
            record.phases.append((detail["phase"], at_s))
        case "resumed":
            record.resumed_steps = detail["steps"]
        case "checkpointed":
            record.checkpointed_steps = detail["steps"]
            record.checkpoints_s.append(detail["took_s"])
            record.checkpointed_at_s = at_s
        case "not_finite":
            record.nan_step, record.error = detail["step"], detail["text"]
        case "no_step_yet":
            record.told_silent = True
        case "exchanged":
            record.exchanges_us.append(detail["taken_us"])
