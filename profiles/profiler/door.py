"""Checks, before anything is measured or run, that this machine can do what jobs ask for.

Each check finds all errors and reports them in one message. An error that shows only while a job
runs (in a model's own code, or too much memory of a program) fails that job alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from profiles.machines import limits
from profiles.machines.limits import free_memory_bytes, usable_gpus
from profiles.memory.data_size import most_batch
from profiles.profiler.crew import PASSES
from profiles.profiler.tasks import IMPORT_BUILD
from rmixer.display.printable import few
from rmixer.errors import InputError, RunFailed, refuse
from rmixer.models.size import check_batch, model_size
from rmixer.scheduling.view import MEMORY_MARGIN
from rmixer.training.precision import check_precision
from rmixer.training.process import WorkerProcess
from rmixer.training.task_failure import TaskFailed
from rmixer.training.worker import Channel
from rmixer.workload.workload import Job

IMPORT_WITHIN_S = 60.0
"""A module that takes longer to import is let through: it may read data."""
IDLE_BYTES = 300 << 20
"""The most memory of a worker without a job."""
MOST_BESIDE_BYTES = 3 << 30
"""The most memory above weights and optimizer state at its configured batch, of any model of the
registry (2.6 GiB)."""
GIB = 1 << 30
_LINE = re.compile(r'^  File "(.+)", line (\d+)', re.M)


def check_machine_can(jobs: Iterable[Job]) -> None:
    """Raises :class:`InputError` for jobs whose arithmetic this machine's CPU does not have, and
    for programs that want more GPUs than there are."""
    refuse(_together(_incapable(jobs)))


def check_jobs(jobs: Sequence[Job]) -> None:
    """Raises :class:`InputError` for all of ``jobs`` that this machine can never train: by their
    arithmetic, their GPUs, their data or their batch."""
    refuse(_together([*_incapable(jobs), *_without_data(jobs)]))


def check_data(jobs: Iterable[Job]) -> None:
    """Raises :class:`InputError` for models of the registry whose raw files are missing or cannot
    be read, or whose batch is larger than their data, if that is known."""
    refuse(_together(_without_data(jobs)))


def check_profiling(
    parts: Sequence[tuple[Job, Sequence[int]]], report: Callable[[str], None]
) -> None:
    """Raises :class:`InputError` for all jobs of ``parts``, checked by :func:`check_jobs` before,
    that cannot be profiled at their counts of threads: by the free memory (see
    :func:`check_feasible`), or because their module does not import."""
    found = []
    for part in parts:
        try:
            check_feasible([part], report)
        except InputError as error:
            found.append(error)
    refuse(found)
    check_importable([job for job, _ in parts])


def check_importable(jobs: Iterable[Job]) -> None:
    """Raises :class:`InputError` for own models whose module fails to import in a worker, or has no
    such function."""
    refuse(_together(_not_importable(jobs)))


Fault = tuple[Job, str, object, str]
"""A job, its wrong key, the value found, and the values allowed."""


def _together(faults: Iterable[Fault]) -> list[InputError]:
    """One error for each fault, which names all jobs that have it."""
    alike: dict[tuple[str, str, str], list[str]] = {}
    for job, key, found, allowed in faults:
        alike.setdefault((key, str(found), allowed), []).append(job.id)
    return [
        InputError(f"job {ids[0]}" if len(ids) == 1 else f"jobs {few(ids)}", *what)
        for what, ids in alike.items()
    ]


def _incapable(jobs: Iterable[Job]) -> Iterator[Fault]:
    for job in jobs:
        try:
            check_precision([job])
        except InputError as error:
            yield job, error.key, error.found, error.allowed
        if job.command is not None and job.command.gpus > limits.usable_gpus():
            yield job, "gpus", job.command.gpus, "0: there is no NVIDIA GPU here"


def _without_data(jobs: Iterable[Job]) -> Iterator[Fault]:
    for job in jobs:
        if not job.in_registry:
            continue
        try:
            check_batch(job.entry, job.batch)
            most = most_batch(job)
        except InputError as error:
            of_data = ("data", f"{error.found} ({error.where})")
            yield job, *(("batch", error.found) if error.key == "batch" else of_data), error.allowed
            continue
        if most is not None and job.batch > most:
            allowed = f"at most the {most} samples of {job.entry.dataset} to train on"
            yield job, "batch", job.batch, allowed


def _not_importable(jobs: Iterable[Job]) -> Iterator[Fault]:
    own = [job for job in jobs if job.is_own]
    failures = _import_failures({_module(job) for job in own})
    for job in own:
        if why := failures[_module(job)]:
            allowed = "a module that can be imported, with a function of that name"
            yield job, "model", f"{job.model!r}, which fails: {why}", allowed


def _module(job: Job) -> tuple[str, str, str]:
    return job.model, job.module_root, job.source


def _import_failures(modules: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str, str], str]:
    """The import error of each module in a worker; "" if it imports."""
    found: dict[tuple[str, str, str], str] = {}
    left = sorted(modules)
    while left:
        with WorkerProcess(limits.usable_cores()[:1], answer_within_s=IMPORT_WITHIN_S) as worker:
            while left and not worker.has_ended:
                module = left.pop()
                found[module] = _import_failure(worker, *module)
    return found


def _import_failure(worker: WorkerProcess, model: str, root: str, source: str) -> str:
    try:
        worker.call(IMPORT_BUILD, model=model, root=root, source=source)
    except TaskFailed as failure:
        lines = _LINE.findall(str(failure))
        return failure.reason + (f" ({lines[-1][0]}, line {lines[-1][1]})" if lines else "")
    except RunFailed as failure:  # it has ended its process, or is not done yet
        is_slow = not worker.has_ended
        worker.kill()
        return "" if is_slow else failure.reason
    return ""


def import_build(channel: Channel, model: str, root: str, source: str) -> None:
    """A worker's task: imports the module of an own model and finds its function."""
    from rmixer.training.own_build import load_build

    load_build(model, root, source)


def needed_bytes(job: Job, workers: int) -> int:
    """The predicted peak of ``job``, a model of the registry, with ``workers``, one of which holds
    it. The placement of freed tensors is random, and PyTorch's profiler changes it: a fifth is
    added to all but the memory kept from step to step."""
    from profiles.memory.memory_prediction import predict_memory  # here: it imports torch

    found = predict_memory(job)
    kept_bytes = found.parameter_bytes + found.optimizer_bytes
    passing_bytes = found.grown_bytes - kept_bytes
    return kept_bytes + round(MEMORY_MARGIN * passing_bytes) + workers * IDLE_BYTES


def check_feasible(
    parts: Sequence[tuple[Job, Sequence[int]]], report: Callable[[str], None]
) -> None:
    """Raises :class:`InputError` for a job of ``parts``, each with the counts of threads at which
    it will be profiled, that needs more than all free memory. Models outside of the registry and
    programs cannot be checked before they run. ``report`` gets a line for each job that needs a
    prediction, which takes seconds."""
    free_bytes = free_memory_bytes()
    kinds = 2 if usable_gpus() else 1
    for job, threads in parts:
        if job.in_registry:
            _check(job, PASSES * len(threads) * kinds, free_bytes, report)


def _check(job: Job, workers: int, free_bytes: int, report: Callable[[str], None]) -> None:
    kept_bytes = model_size(job.entry, job.rows_cap, job.optimizer_kind).kept_bytes
    idle_bytes = workers * IDLE_BYTES
    if kept_bytes + idle_bytes > free_bytes:
        found = f"{kept_bytes / GIB:.1f} GiB of weights and optimizer state"
        _refuse(job, found, free_bytes, "`rows_cap` in a workload shortens its tables")
    if job.batch <= job.entry.batch and kept_bytes + MOST_BESIDE_BYTES + idle_bytes <= free_bytes:
        return
    report(f"{job.model}, batch {job.batch}: predicting its memory")
    if (needed := needed_bytes(job, workers)) > free_bytes:
        found = f"{needed / GIB:.1f} GiB by prediction"
        _refuse(job, found, free_bytes, "a smaller batch or `rows_cap` needs less")


def _refuse(job: Job, found: str, free_bytes: int, remedy: str) -> None:
    allowed = f"up to {free_bytes / GIB:.1f} GiB, which are free here ({remedy})"
    where = f"job {job.id}: {job.model}, batch {job.batch}"
    raise InputError(where, "memory", found, allowed)
