"""Checks before profiling that jobs fit the memory: otherwise the system ends them, or another
program."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from profiles.machines.limits import free_memory_bytes, usable_gpus
from profiles.profiler.crew import PASSES
from rmixer.errors import InputError
from rmixer.models.size import model_size
from rmixer.scheduling.view import MEMORY_MARGIN
from rmixer.workload.workload import Job

IDLE_BYTES = 300 << 20
"""The most memory of a worker without a job."""
MOST_BESIDE_BYTES = 3 << 30
"""The most memory above weights and optimizer state at its configured batch, of any model of the
registry (2.6 GiB)."""
GIB = 1 << 30


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
