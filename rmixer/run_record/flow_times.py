"""Completion and waiting times of the jobs of a run."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from rmixer.display.quantities import seconds
from rmixer.run_record.run_summary import JobSummary, RunSummary


@dataclass(frozen=True)
class FlowTimes:
    """Means and 95th percentiles over jobs, in seconds. Completion is from a job's arrival to its
    end, over the jobs that are done; waiting from its arrival to its start, over all that started.
    The percentile is linear between ranks, like ``numpy.quantile``. None if there is no such job,
    or one's arrival is unknown."""

    completion_mean_s: float | None = None
    completion_p95_s: float | None = None
    waiting_mean_s: float | None = None
    waiting_p95_s: float | None = None


def flow_times(jobs: Sequence[JobSummary]) -> FlowTimes:
    """The completion and waiting times of ``jobs``."""
    completions = _known(job.completion_s for job in jobs if job.state == "done")
    waits = _known(job.waiting_s for job in jobs if job.started)
    return FlowTimes(
        _mean(completions), percentile_95(completions), _mean(waits), percentile_95(waits)
    )


def percentile_95(values: Sequence[float]) -> float | None:
    """The 95th percentile of ``values``, linear between ranks; None if there are none."""
    return float(np.quantile(values, 0.95)) if values else None


def flow_words(summary: RunSummary) -> str:
    """``completion 9.31 s in the mean, p95 13.4 s; waiting 3.20 s in the mean, p95 8.10 s``."""
    return (
        f"completion {_pair(summary.completion_mean_s, summary.completion_p95_s)}; "
        f"waiting {_pair(summary.waiting_mean_s, summary.waiting_p95_s)}"
    )


def _pair(mean_s: float | None, p95_s: float | None) -> str:
    return f"{seconds(mean_s)} in the mean, p95 {seconds(p95_s)}"


def _known(values_s: Iterable[float | None]) -> list[float]:
    """The values; an empty list if one is unknown."""
    given = list(values_s)
    known = [value_s for value_s in given if value_s is not None]
    return known if len(known) == len(given) else []


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None
