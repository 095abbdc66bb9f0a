"""Strict priorities: no job waits for one of lower priority that could run in its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rmixer.scheduling.view import ClusterView


def waiting_priorities(view: ClusterView) -> Sequence[int]:
    """The priorities of the jobs that wait, the highest first."""
    return sorted({job.priority for job in view.queued.values()}, reverse=True)


def down_to(view: ClusterView, least: int) -> ClusterView:
    """``view`` without the jobs that wait and have a priority below ``least``."""
    queued = {name: job for name, job in view.queued.items() if job.priority >= least}
    jobs = {name: job for name, job in view.jobs.items() if job.state != "queued" or name in queued}
    return replace(view, jobs=jobs, queued=queued, kept=None)
