"""Reads the workload of a request, shrinks it, and refuses impossible jobs.

It imports no stage before the workload is read, because stages take seconds to import: a mistake is
reported at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rmixer.errors import InputError
from rmixer.imported.durations import DurationTable
from rmixer.workload.shrinking import Shrinking
from rmixer.workload.workload import Job, Workload, job_of
from rmixer.workload.workload_file import read_workload, workload_of

Said = Path | Mapping[str, Any]
"""A workload: the path of its file, or what such a file says."""


def asked_workload(said: Said, durations: DurationTable | None = None) -> Workload:
    """Reads the workload ``said``; raises :class:`InputError`."""
    if isinstance(said, Path):
        return read_workload(said, durations)
    return workload_of(dict(said), Path("workload"), durations)


def profiled_jobs(
    said: Said | Sequence[str], shrinking: Shrinking, batches: Sequence[int]
) -> tuple[Job, ...]:
    """The jobs to profile: those of a workload, or one for each name of a model, each at all
    ``batches``, or at its own if there are none. Raises :class:`InputError` for jobs that cannot be
    trained here, and for ``batches`` of a program, which decides that itself."""
    if isinstance(said, Path | Mapping):
        asked = asked_workload(said)
    else:
        asked = Workload("profile", 0, tuple(job_of(name) for name in said))
    jobs = shrinking.apply(asked).jobs
    if batches:
        if programs := [job.id for job in jobs if job.command]:
            allowed = "none for a command job: its program decides it"
            raise InputError("--batch", programs[0], batches[0], allowed)
        jobs = tuple(replace(job, batch=batch) for job in jobs for batch in batches)
    from profiles.profiler.door import check_jobs

    check_jobs(jobs)
    return jobs


def simulated_workload(
    said: Said, shrinking: Shrinking, machine: str | None, durations: DurationTable | None = None
) -> Workload:
    """Reads a workload to simulate on ``machine`` (None: this one), and shrinks it. Raises
    :class:`InputError` also for a job whose batch is impossible for its model or data, and for all
    that this machine cannot do. Jobs with ``durations`` are not checked for these."""
    if durations is not None:
        return asked_workload(said, durations)
    from profiles.memory.data_size import check_samples
    from profiles.profiler.door import check_machine_can

    workload = shrinking.apply(asked_workload(said))
    _check_ends(said, workload)
    for job in workload.jobs:
        if job.in_registry:
            check_samples(job)
    if machine is None:
        check_machine_can(workload.jobs)
    return workload


def trained_workload(said: Said, shrinking: Shrinking, report: Callable[[str], None]) -> Workload:
    """Reads a workload to train on this machine, and shrinks it. Raises :class:`InputError` also
    for all of its jobs that cannot be trained here."""
    asked = asked_workload(said)
    workload = _with_own_steps(asked, shrinking.apply(asked), report)
    check_trained(workload)
    return workload


def _with_own_steps(said: Workload, shrunk: Workload, report: Callable[[str], None]) -> Workload:
    """Gives the programs of ``shrunk`` back their steps: their own options decide these."""
    pairs = zip(said.jobs, shrunk.jobs, strict=True)
    jobs = [replace(job, steps=before.steps) if job.command else job for before, job in pairs]
    if left := [job.id for job, less in zip(jobs, shrunk.jobs, strict=True) if job != less]:
        report(f"steps_scale does not change {', '.join(left)}: its own options decide its steps")
    return replace(shrunk, jobs=tuple(jobs))


def _check_ends(said: Said, workload: Workload) -> None:
    """Raises :class:`InputError` for a program whose number of steps is still unknown."""
    where = said if isinstance(said, Path) else "workload"
    for job in workload.jobs:
        if job.steps_from == "supposed":
            allowed = (
                f"a number, or what a first run learns: `rmixer execute {where} --policy "
                "sequential`"
            )
            raise InputError(where, f"{job.id}: steps", "'unknown', by now", allowed)


def check_trained(workload: Workload) -> None:
    """Raises :class:`InputError` for all jobs of ``workload`` that cannot be trained here."""
    from profiles.profiler.door import check_jobs
    from rmixer.scheduling.admission import check_executable

    check_jobs(workload.jobs)
    check_executable(workload)
