"""The measured pace of jobs compared with the prediction."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from executor.records.job_record import JobRecord
from executor.records.run_records import RunRecords

LEAST_STEPS = 5
"""A pace needs at least this many training steps."""
RECENT_S = 10.0


@dataclass(frozen=True)
class Made:
    """Training steps that were done, the seconds that they took, and the seconds predicted for
    them."""

    steps: int = 0
    took_s: float = 0.0
    predicted_s: float = 0.0

    @property
    def ratio(self) -> float | None:
        """Measured over predicted time; None if too few steps were done."""
        known = self.steps >= LEAST_STEPS and self.predicted_s > 0
        return self.took_s / self.predicted_s if known else None


class Pace:
    """Measured over predicted step time of a job; of all jobs together if it has done too few
    steps; 1 before the first."""

    def __init__(self, records: RunRecords) -> None:
        self._records = records
        self._by_job = {
            job: _sum(_made(attempt, self.predicted_step_s(job, attempt)) for attempt in attempts)
            for job, attempts in records.attempts.items()
        }
        self._of_all = _sum(self._by_job.values()).ratio or 1.0

    def step_s(self, job: str, kind: str, threads: int) -> float | None:
        """Expected seconds of a training step of ``job`` on a device of ``kind`` with ``threads``;
        None if neither a prediction nor enough measured steps exist."""
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
        """Its predicted step with its co-running jobs; if there is none, its step alone."""
        plan, known = self._records.plan, self._records.jobs[job]
        expected = plan.jobs.get(job) if plan is not None else None
        if expected is not None and expected.step_s is not None:
            return expected.step_s
        cost = known.costs.get(kind)
        return cost.step_s.get(threads) if cost is not None else None


def recent_steps_per_s(record: JobRecord) -> float | None:
    """Steps a second of a job, over the ten seconds before its last step; None before its training
    has done two."""
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
    """The number of its steps that ended later."""
    return len(record.step_ends_s) - bisect_right(record.step_ends_s, at_s)


def _sum(every: Iterable[Made]) -> Made:
    found = list(every)
    return Made(
        sum(each.steps for each in found),
        sum(each.took_s for each in found),
        sum(each.predicted_s for each in found),
    )
