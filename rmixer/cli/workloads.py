"""The workload that a command works on, shrunk as its ``--set`` options say.

A command reads it before it imports a stage, which takes seconds: a mistake in the file is reported
at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from rmixer.workload.shrinking import parse_shrinking
from rmixer.workload.workload import Job, Workload
from rmixer.workload.workload_file import read_workload

shrinking_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Shrink the workload: steps_scale=0.1, batch_max=512, rows_max=100000.",
)


def shrunk_workload(path: Path, settings: tuple[str, ...]) -> Workload:
    """The workload file at ``path`` after ``settings``, to be simulated on any machine; raises
    :class:`InputError`."""
    workload = _shrunk(path, settings)
    check_batches(workload.jobs)
    return workload


def trained_workload(path: Path, settings: tuple[str, ...]) -> Workload:
    """The same, to be trained on this machine: raises :class:`InputError` also for all jobs that it
    cannot train."""
    from profiles.profiler.door import check_jobs

    workload = _shrunk(path, settings)
    check_jobs(workload.jobs)
    return workload


def _shrunk(path: Path, settings: tuple[str, ...]) -> Workload:
    shrinking = parse_shrinking(settings)
    return shrinking.apply(read_workload(path))


def check_batches(jobs: Iterable[Job]) -> None:
    """Raise :class:`InputError` for one of ``jobs`` whose batch its model, or its data as far as
    these are known, cannot be trained with."""
    from profiles.memory.job_checks import check_samples

    for job in jobs:
        if job.in_registry:
            check_samples(job)
