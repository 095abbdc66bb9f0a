"""The workload that a command works on, shrunk as its ``--set`` options say.

A command reads it before it imports a stage, which takes seconds: a mistake in the file is reported
at once.
"""

from __future__ import annotations

from pathlib import Path

from rmixer.cli.settings import parse_shrinking
from rmixer.imported.durations import DurationTable
from rmixer.workload.shrinking import Shrinking
from rmixer.workload.workload import Workload
from rmixer.workload.workload_file import read_workload


def simulated_workload(
    path: Path, shrinking: Shrinking, machine: str | None, durations: DurationTable | None = None
) -> Workload:
    """The workload file at ``path`` made smaller by ``shrinking``, to be simulated on ``machine``,
    None for this one. Raises :class:`InputError` also for a job whose batch its model, or its data
    as far as these are known, cannot be trained with, and for all that this machine cannot do; none
    of that is asked of jobs whose ``durations`` are given."""
    if durations is not None:
        return read_workload(path, durations)
    from profiles.memory.job_checks import check_samples
    from profiles.profiler.door import check_machine_can

    workload = shrinking.apply(read_workload(path))
    for job in workload.jobs:
        if job.in_registry:
            check_samples(job)
    if machine is None:
        check_machine_can(workload.jobs)
    return workload


def trained_workload(path: Path, settings: tuple[str, ...]) -> Workload:
    """The same after the ``settings`` of ``--set``, to be trained on this machine."""
    workload = parse_shrinking(settings).apply(read_workload(path))
    check_trained(workload)
    return workload


def check_trained(workload: Workload) -> None:
    """Raise :class:`InputError` for all jobs of ``workload`` that cannot be trained here."""
    from profiles.profiler.door import check_jobs
    from rmixer.scheduling.admission import check_executable

    check_jobs(workload.jobs)
    check_executable(workload)
