"""The change of the machine between its profiles and a run."""

from __future__ import annotations

from statistics import fmean

from experiments.validation.comparison import ExchangeDrift, ProbeDrift
from rmixer.run_record.run_summary import RunSummary


def probe_drift(profiled_s: float | None, measured_s: float | None) -> ProbeDrift | None:
    """The drift of the computation on all cores; None if it was not timed on either side."""
    if not profiled_s or measured_s is None:
        return None
    return ProbeDrift(profiled_s, measured_s, measured_s / profiled_s)


def exchange_drift(*runs: tuple[RunSummary | None, RunSummary | None]) -> ExchangeDrift | None:
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
    return ExchangeDrift(len(pairs), profiled_us, measured_us, measured_us / profiled_us)
