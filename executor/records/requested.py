"""Checks requests to a run from outside against its records."""

from __future__ import annotations

from collections.abc import Sequence

from executor.records.run_records import RunRecords
from rmixer.errors import InputError, choice
from rmixer.workload.workload import Job

_ENDED = ("done", "failed", "cancelled")


def check_cancel(records: RunRecords, job: str) -> None:
    """Raises :class:`InputError` for a job that the run does not have, or that has ended."""
    if job not in records.jobs:
        raise InputError("JOB", "", repr(job), f"a job of the run: {choice(job, records.jobs)}")
    state = records.state(job)
    if job in records.cancelled or state in _ENDED:
        found = f"{job}, which is cancelled already" if job in records.cancelled else None
        found = found or f"{job}, which has ended ({state})"
        raise InputError("JOB", "", found, "a job that runs or waits")


def check_added(records: RunRecords, jobs: Sequence[Job]) -> None:
    """Raises :class:`InputError` for a job whose id the run already has."""
    for job in jobs:
        if job.id in records.jobs:
            allowed = "ids that the run does not have: give the jobs an `id` in the workload file"
            raise InputError("WORKLOAD", "id", f"{job.id!r}, a job of the run", allowed)
