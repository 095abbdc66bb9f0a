"""How fast jobs step, measured, beside what was predicted of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from executor.records.job_record import JobRecord
from executor.records.known_job import KnownJob
from executor.records.run_records import RunRecords

LEAST_STEPS = 5
"""Of fewer training steps no pace is told."""
RECENT_S = 10.0


@dataclass(frozen=True)
class Made:
    """Training steps that were made, the seconds that they took, and those they were to take."""

    steps: int = 0
    took_s: float = 0.0
    predicted_s: float = 0.0

    @property
    def ratio(self) -> float | None:
        """Returns measured over predicted, or None if too few steps tell it."""
        known = self.steps >= LEAST_STEPS and self.predicted_s > 0
        return self.took_s / self.predicted_s if known else None


class Pace:
    """How much longer steps take than was predicted: those of a job, or, if it has made too few,
    those of all jobs together. 1 before any was made."""

    def __init__(self, records: RunRecords) -> None:
        self._records = records
        self._by_job = {
            job: _sum(_made(attempt, self.predicted_step_s(job, attempt)) for attempt in attempts)
            for job, attempts in records.attempts.items()
        }
        self._of_all = _sum(self._by_job.values()).ratio or 1.0

    def step_s(self, job: str, kind: str, threads: int) -> float | None:
        """Seconds that a training step of ``job`` takes, on a device of ``kind`` with so many
        ``threads``; None if nothing tells it."""
        made = self._by_job.get(job, Made())
        predicted_s = self._predicted_s(job, kind, threads)
        if predicted_s is None:
            return made.took_s / made.steps if made.steps >= LEAST_STEPS else None
        return predicted_s * (made.ratio or self._of_all)

    def predicted_step_s(self, job: str, attempt: JobRecord) -> float | None:
        """The prediction for a step of this attempt."""
        kind = attempt.booking.devices[0].partition(":")[0]
        return self._predicted_s(job, kind, len(attempt.booking.cores))

    def _predicted_s(self, job: str, kind: str, threads: int) -> float | None:
        """In the company that was predicted; alone, if none was."""
        plan, known = self._records.plan, self._records.jobs[job]
        expected = plan.jobs.get(job) if plan is not None else None
        if expected is not None and expected.step_s is not None:
            return expected.step_s
        return alone_step_s(known, kind, threads)


def alone_step_s(known: KnownJob, kind: str, threads: int) -> float | None:
    """What a step takes the job alone; None if its profile does not tell."""
    cost = known.costs.get(kind)
    return cost.step_s.get(threads) if cost is not None else None


def recent_steps_per_s(record: JobRecord) -> float | None:
    """Steps a second of a job in the last ten seconds that it made any; None before it has made
    two in its training."""
    starts_s = [start_s for phase, start_s in record.phases if phase == "train"]
    if not starts_s or not record.step_ends_s:
        return None
    last_s = record.step_ends_s[-1]
    since_s = max(starts_s[-1], last_s - RECENT_S)
    made = _after(record, since_s)
    return made / (last_s - since_s) if made > 1 else None


def _made(attempt: JobRecord, predicted_step_s: float | None) -> Made:
    spans = [(start_s, end_s) for phase, start_s, end_s in attempt.spans() if phase == "train"]
    if not spans or not attempt.step_ends_s or predicted_step_s is None:
        return Made()
    steps, last_s = _after(attempt, spans[0][0]), attempt.step_ends_s[-1]
    took_s = sum(max(0.0, min(end_s or last_s, last_s) - start_s) for start_s, end_s in spans)
    return Made(steps, took_s, steps * predicted_step_s)


def _after(record: JobRecord, at_s: float) -> int:
    """How many of its steps have ended later."""
    return len(record.step_ends_s) - bisect_right(record.step_ends_s, at_s)


def _sum(every: Iterable[Made]) -> Made:
    found = list(every)
    return Made(
        sum(each.steps for each in found),
        sum(each.took_s for each in found),
        sum(each.predicted_s for each in found),
    )
