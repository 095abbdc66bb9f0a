"""``compare.json``: predicted and measured side by side. Every error is a signed fraction,
(predicted - measured) / measured; every other figure has its unit in its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Final, Literal

from experiments.validation.verdict import Verdict
from rmixer.files.strict import Strict
from rmixer.files.typed_files import load_json, parse
from rmixer.hardware.machine import check_schema
from rmixer.run_record.run_summary import JobSummary, Origin, Range, RunSummary

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True)
class TimePair(Strict):
    """Seconds. ``error`` is None if one side is missing or a job was not completed. ``interval_s``
    is the 90% interval of the prediction, if it has one."""

    predicted_s: float | None
    measured_s: float | None
    error: float | None
    interval_s: Range | None = None


@dataclass(frozen=True)
class StepPair(Strict):
    """Median time of a training step in milliseconds. ``interval_ms`` is the 90% interval of the
    prediction, if it has one."""

    predicted_ms: float | None
    measured_ms: float | None
    error: float | None
    interval_ms: Range | None = None


@dataclass(frozen=True)
class MemoryPair(Strict):
    """Peak memory of a job in bytes."""

    predicted_bytes: int
    measured_bytes: int
    error: float | None


@dataclass(frozen=True)
class JobComparison(Strict):
    """One job. ``state`` is its state in the measured run; errors of a job that was not completed
    in both runs are None and not part of means."""

    id: str
    model: str
    state: str
    completion: TimePair
    step_ms: StepPair
    peak_bytes: MemoryPair

    @classmethod
    def unpredicted(cls, job: JobSummary) -> JobComparison:
        """The entry of a job without a prediction, because it was added after the run had begun, or
        left out of it; then it has no figures at all."""
        end_s = None if job.was_left_out else job.end_s
        times, step = TimePair(None, end_s, None), StepPair(None, job.step_ms_p50, None)
        memory = MemoryPair(0, job.peak_bytes, None)
        return cls(job.id, job.model, job.state, times, step, memory)


@dataclass(frozen=True)
class NoiseFloor(Strict):
    """The errors between two executions of one schedule: the first in the place of the prediction,
    the second in that of the measurement. All are sizes, not signed."""

    step: float | None
    completion: float | None
    makespan: float | None


@dataclass(frozen=True)
class Inside(Strict):
    """Counts measured steps and completions inside the 90% interval of their prediction, and all
    that have both. ``makespan`` is None if it lacks one."""

    steps: int
    steps_of: int
    completions: int
    completions_of: int
    makespan: bool | None

    @classmethod
    def of(cls, jobs: Sequence[JobComparison], makespan: bool | None) -> Inside | None:
        """Counts the values of ``jobs``; None if nothing has an interval. A job without an error
        was not completed and does not count."""
        steps = [
            lies_in(job.step_ms.measured_ms, job.step_ms.interval_ms)
            for job in jobs
            if job.step_ms.error is not None
        ]
        ends = [
            lies_in(job.completion.measured_s, job.completion.interval_s)
            for job in jobs
            if job.completion.error is not None
        ]
        known = [[each for each in found if each is not None] for found in (steps, ends)]
        if not any(known) and makespan is None:
            return None
        return cls(sum(known[0]), len(known[0]), sum(known[1]), len(known[1]), makespan)


def lies_in(value: float | None, interval: Range | None) -> bool | None:
    """True if ``value`` lies in ``interval``; None if one of them is missing."""
    if value is None or interval is None:
        return None
    return interval[0] <= value <= interval[1]


@dataclass(frozen=True)
class ProbeDrift(Strict):
    """A fixed computation on all cores, timed when the profiles were made and just before the
    measured run. ``ratio`` over 1 means that the machine was slower than it was profiled."""

    profiled_s: float
    measured_s: float
    ratio: float

    @classmethod
    def of(cls, profiled_s: float | None, measured_s: float | None) -> ProbeDrift | None:
        """The drift; None if it was not timed on either side."""
        if not profiled_s or measured_s is None:
            return None
        return cls(profiled_s, measured_s, measured_s / profiled_s)


@dataclass(frozen=True)
class ExchangeDrift(Strict):
    """The time of the threads of jobs with several to exchange a fixed amount of data, in the mean
    of ``jobs`` of the measured runs, of the schedule and one at a time: when they were profiled,
    and around the runs. ``ratio`` over 1 means that their cores exchanged data more slowly than in
    their profiles."""

    jobs: int
    profiled_us: float
    measured_us: float
    ratio: float

    @classmethod
    def of(cls, *runs: tuple[RunSummary | None, RunSummary | None]) -> ExchangeDrift | None:
        """The drift between each prediction and its measurement; None if no job of theirs has the
        figure."""
        pairs = [
            (before.exchange_us, job.exchange_us)
            for predicted, measured in runs
            if predicted is not None and measured is not None
            for job in measured.jobs
            if (before := predicted.job(job.id)).exchange_us and job.exchange_us
        ]
        if not pairs:
            return None
        profiled_us, measured_us = (fmean(column) for column in zip(*pairs, strict=True))
        return cls(len(pairs), profiled_us, measured_us, measured_us / profiled_us)


@dataclass(frozen=True)
class Ablation(Strict):
    """The errors of the same schedule predicted by a simpler model."""

    step_mape: float | None
    completion_mape: float | None
    makespan_error: float | None


@dataclass(frozen=True)
class Speedup(Strict):
    """The chosen schedule against one job at a time, both executed. ``factor`` is
    ``sequential_s / best_s``, None unless both completed every job; ``predicted_factor`` is the
    same of the two predictions."""

    sequential_s: float
    best_s: float
    factor: float | None
    predicted_factor: float | None


@dataclass(frozen=True)
class Comparison(Strict):
    """One schedule, predicted and measured.

    ``step_mape`` and ``completion_mape`` are unweighted means of the error's size over completed
    jobs; ``step_p95`` is the 95th percentile of that size over jobs (linear between ranks),
    ``step_max`` the largest, ``step_bias`` the signed mean. ``solo_step_mape`` is of the jobs run
    one at a time. ``origin`` is that of the profiles behind the prediction. ``shared_with`` names
    other runs that used the same cores during one of the executions. ``interruptions`` counts those
    of the executions; repeated work is part of the measurement. ``doubtful`` has a line for each
    reason why the prediction may be far off.

    ``jobs`` and ``completion_mape`` count the completion of a job from the first start of any.
    ``completion_mean`` and those after it count from each job's own arrival
    (:class:`~rmixer.run_record.flow_times.FlowTimes`). ``inside`` is None if the prediction has no
    intervals.
    """

    workload: str
    machine: str
    origin: Origin
    policy: str
    makespan: TimePair
    jobs: tuple[JobComparison, ...]
    step_mape: float | None
    step_p95: float | None
    step_max: float | None
    step_bias: float | None
    completion_mape: float | None
    solo_step_mape: float | None
    noise_floor: NoiseFloor | None
    probe_drift: ProbeDrift | None
    ablations: dict[str, Ablation]
    speedup: Speedup | None
    verdict: Verdict
    exchange_drift: ExchangeDrift | None = None
    shared_with: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()
    interruptions: int = 0
    completion_mean: TimePair | None = None
    completion_p95: TimePair | None = None
    waiting_mean: TimePair | None = None
    waiting_p95: TimePair | None = None
    inside: Inside | None = None
    schema_version: Literal[1] = SCHEMA_VERSION


def read_comparison(path: Path) -> Comparison:
    """The comparison at ``path``; raises :class:`rmixer.errors.InputError`."""
    data: Any = load_json(path, "comparison")
    check_schema(data, path, SCHEMA_VERSION)
    return parse(data, Comparison, path)
