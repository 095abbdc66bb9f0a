"""How long the jobs of a run took from their arrival, and how long they waited."""

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
    end, of the jobs that are done; waiting from its arrival to its start, of all that started.
    The percentile is linear between ranks, as ``numpy.quantile`` has it. None where there is no
    such job, or where the arrival of one is not known."""

    completion_mean_s: float | None = None
    completion_p95_s: float | None = None
    waiting_mean_s: float | None = None
    waiting_p95_s: float | None = None


def flow_times(jobs: Sequence[JobSummary]) -> FlowTimes:
    """Those of ``jobs``."""
    completions = _known(job.completion_s for job in jobs if job.state == "done")
    waits = _known(job.waiting_s for job in jobs if job.started)
    return FlowTimes(
        _mean(completions), percentile_95(completions), _mean(waits), percentile_95(waits)
    )


def percentile_95(values: Sequence[float]) -> float | None:
    """The value that 95% of ``values`` do not exceed, linear between ranks; None of none."""
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
    """All of them, or none where one is not known."""
    given = list(values_s)
    known = [value_s for value_s in given if value_s is not None]
    return known if len(known) == len(given) else []


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None
