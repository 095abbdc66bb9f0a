"""The record of one job, and the timeline built from the records of a run."""

from __future__ import annotations

import itertools
import math
import statistics
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, Literal

import numpy as np

from rmixer.hardware.machine import gpu_number
from rmixer.model_profile.step_statistics import step_statistics
from rmixer.run_record.run_summary import JobSummary
from rmixer.run_record.timeline import Interval, Timeline
from rmixer.scheduling.booking import Booking
from rmixer.workload.workload import Job

State = Literal["done", "failed", "interrupted", "cancelled"]


@dataclass
class JobRecord:
    """One attempt at one job, in seconds of the run's clock. It is queued since ``queued_s``;
    ``resumed_steps`` were done by earlier attempts. ``predicted_bytes`` is the peak of its memory
    by its profile, ``context_bytes`` the part of it that a GPU's driver holds. ``exchanges_us`` are
    the data exchanges between its cores, measured before and after it. ``cause`` says why it
    failed; ``loss`` is that of one of its last steps. A ``told_silent`` program makes no step, and
    the user was told."""

    job: Job
    booking: Booking
    start_s: float
    queued_s: float = 0.0
    predicted_bytes: int = 0
    context_bytes: int = 0
    resumed_steps: int = 0
    checkpointed_steps: int = 0
    checkpoints_s: list[float] = field(default_factory=list)
    checkpointed_at_s: float | None = None
    phases: list[tuple[str, float]] = field(default_factory=list)
    step_ends_s: array[float] = field(default_factory=lambda: array("d"))
    end_s: float = 0.0
    state: State = "interrupted"
    has_ended: bool = False
    answer: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    cause: str | None = None
    nan_step: int | None = None
    loss: float | None = None
    exchanges_us: list[float] = field(default_factory=list)
    told_silent: bool = False

    def spans(self) -> list[tuple[str, float, float]]:
        """Its phases in order, each with its start and its end. A phase may occur several times."""
        ends_s = [*(start_s for _, start_s in self.phases[1:]), self.end_s]
        return [(*phase, end_s) for phase, end_s in zip(self.phases, ends_s, strict=False)]

    def train_durations_s(self) -> list[float]:
        """Durations of the training steps after warm-up."""
        durations: list[float] = []
        spans = self.spans()
        for phase, start_s, end_s in spans:
            if phase == "train":
                until_s = inf if start_s == spans[-1][1] else end_s
                first, last = (bisect_right(self.step_ends_s, at_s) for at_s in (start_s, until_s))
                durations += np.diff([start_s, *self.step_ends_s[first:last]]).tolist()
        return durations

    @property
    def is_trained(self) -> bool:
        """True if all its steps are done."""
        return self.phase == "save" or (self.phase == "evaluate" and self.steps >= self.job.steps)

    @property
    def peak_bytes(self) -> int | None:
        """The measured peak of its device's memory; on a GPU torch's share and the driver's
        context. None if it was not measured."""
        if gpu_number(self.booking.devices[0]) is None:
            return self.answer.get("peak_bytes")
        taken_bytes = self.answer.get("gpu_bytes")
        return None if taken_bytes is None else taken_bytes + self.context_bytes

    @property
    def phase(self) -> str:
        """Its present phase, or its last one."""
        return self.phases[-1][0] if self.phases else "start"

    @property
    def steps(self) -> int:
        """The steps of the job that are done, with those of earlier attempts."""
        return self.resumed_steps + len(self.step_ends_s)


def summary_of(attempts: Sequence[JobRecord], first_s: float) -> JobSummary:
    """The line of ``summary.json`` of the job with these ``attempts``; ``first_s`` is the start of
    the run's first job."""
    last = attempts[-1]
    durations = [each for attempt in attempts for each in attempt.train_durations_s()]
    steps = step_statistics(durations) if durations else None
    exchanges_us = [each for attempt in attempts for each in attempt.exchanges_us]
    return JobSummary(
        id=last.job.id,
        model=last.job.model,
        device=last.booking.devices[0],
        slot=last.booking.slot,
        threads=len(last.booking.cores),
        attempt=last.booking.attempt,
        start_s=attempts[0].start_s - first_s,
        end_s=last.end_s - first_s,
        steps=last.steps,
        samples=last.answer.get("samples", last.steps * last.job.batch),
        step_ms_p50=steps.p50_s * 1e3 if steps else None,
        step_ms_mean=steps.mean_s * 1e3 if steps else None,
        stall_s=steps.stall_s if steps else 0.0,
        peak_bytes=last.predicted_bytes if last.peak_bytes is None else last.peak_bytes,
        state=last.state,
        first_loss=_finite(last.answer.get("first_loss")),
        loss=_finite(last.answer.get("loss")),
        quality={name: _finite(value) for name, value in last.answer.get("quality", {}).items()},
        error=last.error,
        nan_step=last.nan_step,
        exchange_us=statistics.fmean(exchanges_us) if exchanges_us else None,
        arrival_s=last.job.arrival_s - first_s,
        stopped_early=last.answer.get("stopped_early", False),
        causes=tuple(each.cause for each in attempts if each.cause is not None),
    )


def effective_step_ends_s(attempts: Sequence[JobRecord]) -> Sequence[float]:
    """The end of each step of a job, in seconds of the run's clock. If a step was done again after
    a loss, its last end counts."""
    ends_s = array("d")
    for attempt in attempts:
        del ends_s[attempt.resumed_steps :]
        ends_s.extend(attempt.step_ends_s)
    return ends_s


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def timeline_of(records: Sequence[JobRecord], run: str) -> Timeline:
    """The rows of all records; a ``train`` phase is cut wherever another job changes phase."""
    changes = sorted(
        (at_s, record.job.id)
        for record in records
        for at_s in (*(start_s for _, start_s in record.phases), record.end_s)
    )
    return Timeline(row for record in records for row in _rows(record, changes, run))


def _rows(record: JobRecord, changes: Sequence[tuple[float, str]], run: str) -> Iterable[Interval]:
    def row(kind: str, start_s: float, end_s: float, steps: float = 0.0) -> Interval:
        return Interval(
            run=run,
            job=record.job.id,
            attempt=record.booking.attempt,
            name=record.job.model,
            kind=kind,
            device=record.booking.devices[0],
            slot=record.booking.slot,
            lane="cpu" if record.booking.devices[0].startswith("cpu") else "gpu",
            start_s=start_s,
            duration_s=end_s - start_s,
            steps=steps,
        )

    if record.start_s > record.queued_s:
        yield row("queued", record.queued_s, record.start_s)
    for phase, start_s, end_s in record.spans():
        if phase == "warmup":
            yield row(phase, start_s, end_s, _steps_between(record, start_s, end_s))
        elif phase == "train":
            cuts = [at for at, who in changes if start_s < at < end_s and who != record.job.id]
            edges = [start_s, *sorted(set(cuts)), end_s]
            for left_s, right_s in itertools.pairwise(edges):
                yield row(phase, left_s, right_s, _steps_between(record, left_s, right_s))
        else:
            yield row(phase, start_s, end_s)


def _steps_between(record: JobRecord, left_s: float, right_s: float) -> float:
    """Steps done between two moments; the present one counts by its share."""
    return _steps_until(record, right_s) - _steps_until(record, left_s)


def _steps_until(record: JobRecord, at_s: float) -> float:
    ends = record.step_ends_s
    done = bisect_right(ends, at_s)
    if done == len(ends):
        return float(done)
    began_s = [start_s for _, start_s in record.phases if start_s < ends[done]]
    since_s = max(ends[done - 1] if done else 0.0, began_s[-1] if began_s else at_s)
    length_s = ends[done] - since_s
    part = (at_s - since_s) / length_s if length_s > 0 and at_s > since_s else 0.0
    return done + part
