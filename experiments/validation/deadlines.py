"""Finds the jobs of a run that end after their deadline."""

from __future__ import annotations

from rmixer.display.quantities import seconds
from rmixer.run_record.run_summary import RunSummary
from rmixer.workload.workload import Workload


def late_s(summary: RunSummary, workload: Workload) -> dict[str, float]:
    """Seconds by which each job of ``workload`` with a deadline ends after it in the run of
    ``summary``; below 0 if before it. A job that did not end successfully is left out."""
    lines = {job.id: job for job in summary.jobs}
    found = {}
    for job in workload.jobs:
        line = lines.get(job.id)
        if job.deadline_s is None or line is None or line.state != "done":
            continue
        # A summary counts from the first start, a deadline from the beginning of the run.
        before_s = 0.0 if line.arrival_s is None else job.arrival_s - line.arrival_s
        found[job.id] = line.end_s + before_s - job.deadline_s
    return found


def missed(summary: RunSummary, workload: Workload, *, predicted: bool) -> list[str]:
    """A line for each missed deadline, the worst first."""
    late = {job: by_s for job, by_s in late_s(summary, workload).items() if by_s > 0}
    verb = "will probably end" if predicted else "ended"
    return [
        f"{job} {verb} {seconds(late[job])} after its deadline"
        for job in sorted(late, key=lambda job: -late[job])
    ]
