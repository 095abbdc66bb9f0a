"""Measures peak memory of a job's training: of its tensors by the allocator's events, and of its
process by the system's mark."""

from __future__ import annotations

import contextlib
import time
import weakref
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from numpy.typing import NDArray
from torch.profiler import ProfilerActivity, profile

from profiles.measurements.phases import MEASURED_STEPS, measure_phases
from profiles.memory.tasks import CONTEXT_BYTES, TENSOR_BYTES
from profiles.memory.watched_step import EVALUATED, STEPS, blank_substitute
from profiles.traces.profiler_events import allocations, highest_sum
from rmixer.data.prepare import prepare
from rmixer.training.memory import reset_peak, resident_bytes
from rmixer.training.process import WorkerProcess
from rmixer.training.step import TrainingStep
from rmixer.training.worker import Channel
from rmixer.workload.workload import Job, job_of


def measure_tensor_bytes(job: Job, core: int) -> int:
    """The peak bytes of tensors of ``job``, from building its model on, over a few steps and an
    evaluation, with the arrays of batches."""
    prepare(job.entry.dataset, job.data)
    with WorkerProcess((core,)) as worker:
        return int(worker.call(TENSOR_BYTES, job=job))


def measure_resident_bytes(job: Job, core: int) -> int:
    """The high-water mark of a new worker that runs ``job`` for at least twenty steps, as the
    executor would; the profile's peak is of fewer if they are slow."""
    prepare(job.entry.dataset, job.data)
    with WorkerProcess((core,)) as worker:
        worker.warm_up()
        return measure_phases(worker, job, first_steps=MEASURED_STEPS).peak_bytes


def measure_context_bytes(core: int, precision: str = "fp32") -> int:
    """The resident memory of a worker after training and evaluating DLRM with tiny tables in
    ``precision``, with all of it freed: the libraries' code that this has loaded or generated,
    which depends on the precision, and their caches."""
    with WorkerProcess((core,)) as worker:
        worker.warm_up()
        return int(worker.call(CONTEXT_BYTES, precision=precision))


def tensor_bytes(channel: Channel, job: Job) -> int:
    """A worker's task: see :func:`measure_tensor_bytes`."""
    changes: list[tuple[int, int]] = []
    with (
        profile(activities=[ProfilerActivity.CPU], profile_memory=True) as observed,
        _arrays_noted(changes),
    ):
        step = TrainingStep(job)
        for _ in range(STEPS):
            step.run()
        step.evaluate(EVALUATED)
    return highest_sum([*allocations(observed.profiler.kineto_results.events()), *changes])


@contextlib.contextmanager
def _arrays_noted(changes: list[tuple[int, int]]) -> Iterator[None]:
    """During the block ``changes`` get the time (nanoseconds since 1970, as in the profiler) and
    the bytes of each growth or shrinking of the arrays under tensors: torch does not own them."""
    from_numpy = torch.from_numpy

    def noted(array: NDArray[Any]) -> torch.Tensor:
        changes.append((time.time_ns(), array.nbytes))
        weakref.finalize(array, lambda size: changes.append((time.time_ns(), -size)), array.nbytes)
        return from_numpy(array)

    torch.from_numpy = noted  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.from_numpy = from_numpy


def context_bytes(channel: Channel, precision: str) -> int:
    """A worker's task: see :func:`measure_context_bytes`."""
    job = replace(job_of("criteo_dlrm"), batch=512, rows_cap=100, precision=precision)
    step = TrainingStep(job, substitute=blank_substitute(job))
    for _ in range(STEPS):
        step.run()
    step.evaluate(1)
    del step
    reset_peak()
    return resident_bytes()
