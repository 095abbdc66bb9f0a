"""Counts measured values inside their predicted intervals."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.validation.comparison import Inside, JobComparison
from rmixer.run_record.run_summary import Range


def inside(jobs: Sequence[JobComparison], makespan: bool | None) -> Inside | None:
    """Counts the values of ``jobs`` inside their intervals; ``makespan`` says if that is inside.
    None if nothing has an interval. A job without an error was not completed and does not count."""
    steps = [
        lies_in(job.step_ms.measured_ms, job.step_ms.interval_ms)
        for job in jobs
        if job.step_ms.error is not None
    ]
    completions = [
        lies_in(job.completion.measured_s, job.completion.interval_s)
        for job in jobs
        if job.completion.error is not None
    ]
    of_steps = [found for found in steps if found is not None]
    of_completions = [found for found in completions if found is not None]
    if not of_steps and not of_completions and makespan is None:
        return None
    return Inside(sum(of_steps), len(of_steps), sum(of_completions), len(of_completions), makespan)


def lies_in(value: float | None, interval: Range | None) -> bool | None:
    """True if ``value`` lies in ``interval``; None if one of them is missing."""
    if value is None or interval is None:
        return None
    return interval[0] <= value <= interval[1]
