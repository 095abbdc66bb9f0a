"""The workload of a command, shrunk by its ``--set`` options.

A command reads it before it imports a stage, which takes seconds: an error in the file is reported
at once.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rmixer.cli.settings import parse_shrinking
from rmixer.errors import InputError
from rmixer.imported.durations import DurationTable
from rmixer.workload.shrinking import Shrinking
from rmixer.workload.workload import Workload
from rmixer.workload.workload_file import read_workload


def simulated_workload(
    path: Path, shrinking: Shrinking, machine: str | None, durations: DurationTable | None = None
) -> Workload:
    """The workload file at ``path`` after ``shrinking``, to be simulated on ``machine`` (None: this
    one). Raises :class:`InputError` also for a job whose batch is impossible for its model or data,
    and for all that this machine cannot do. Jobs with ``durations`` are not checked for these."""
    if durations is not None:
        return read_workload(path, durations)
    from profiles.memory.job_checks import check_samples
    from profiles.profiler.door import check_machine_can

    workload = shrinking.apply(read_workload(path))
    _check_ends(path, workload)
    for job in workload.jobs:
        if job.in_registry:
            check_samples(job)
    if machine is None:
        check_machine_can(workload.jobs)
    return workload


def trained_workload(path: Path, settings: tuple[str, ...]) -> Workload:
    """The same after the ``settings`` of ``--set``, to be trained on this machine."""
    said = read_workload(path)
    workload = _with_own_steps(said, parse_shrinking(settings).apply(said))
    check_trained(workload)
    return workload


def _with_own_steps(said: Workload, shrunk: Workload) -> Workload:
    """``shrunk`` with unchanged steps of its programs: their own options decide these, not the
    workload."""
    from rmixer.cli.console import report

    pairs = zip(said.jobs, shrunk.jobs, strict=True)
    jobs = [replace(job, steps=before.steps) if job.command else job for before, job in pairs]
    if left := [job.id for job, less in zip(jobs, shrunk.jobs, strict=True) if job != less]:
        report(f"steps_scale leaves {', '.join(left)} as it is: its own options say its steps")
    return replace(shrunk, jobs=tuple(jobs))


def _check_ends(path: Path, workload: Workload) -> None:
    """Raises :class:`InputError` for a program whose number of steps is still unknown."""
    for job in workload.jobs:
        if job.steps_from == "supposed":
            allowed = (
                f"a number, or what a first run learns: `rmixer execute {path} --policy sequential`"
            )
            raise InputError(path, f"{job.id}: steps", "'unknown', by now", allowed)


def check_trained(workload: Workload) -> None:
    """Raises :class:`InputError` for all jobs of ``workload`` that cannot be trained here."""
    from profiles.profiler.door import check_jobs
    from rmixer.scheduling.admission import check_executable

    check_jobs(workload.jobs)
    check_executable(workload)
