"""Whether jobs can be profiled here, told before one is started: what does not fit the memory ends
by the system's hand, or another program does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from profiles.machines.limits import free_memory_bytes, usable_gpus
from profiles.profiler.crew import PASSES
from rmixer.errors import InputError
from rmixer.models.size import model_size
from rmixer.scheduling.view import MEMORY_MARGIN
from rmixer.workload.workload import Job

IDLE_BYTES = 300 << 20
"""Of a worker without a job, at most."""
MOST_BESIDE_BYTES = 3 << 30
"""Over weights and optimizer state at its own batch, of any model of the registry (2.6 GiB)."""
GIB = 1 << 30


def needed_bytes(job: Job, workers: int) -> int:
    """What ``job``, a model of the registry, takes at most by prediction with ``workers``, one of
    which holds it. What lies free between tensors is a matter of chance, and PyTorch's profiler
    moves them about: of all but what is kept from step to step there is a fifth more."""
    from profiles.memory.memory_prediction import predict_memory  # here: it imports torch

    found = predict_memory(job)
    kept_bytes = found.parameter_bytes + found.optimizer_bytes
    passing_bytes = found.grown_bytes - kept_bytes
    return kept_bytes + round(MEMORY_MARGIN * passing_bytes) + workers * IDLE_BYTES


def check_feasible(
    parts: Sequence[tuple[Job, Sequence[int]]], report: Callable[[str], None]
) -> None:
    """Raise :class:`InputError` for a job of ``parts``, each with the counts of threads at which it
    is to be profiled, that needs more than all free memory. Of models outside of the registry and
    of programs this cannot be told before they run. ``report`` hears of each that is not told by
    its size alone, which takes seconds."""
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
