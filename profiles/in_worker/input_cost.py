"""Measures the cost of a job's input alone, in a cold epoch and in a warm one.

A worker's task: batches are made one after another without steps between them. Cold means that the
prepared files were dropped from the system's cache first; warm, that the same batches were made
just before. A user's own batches are measured warm only, because their files are unknown.
"""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from rmixer.data.batches import Batches
from rmixer.data.prepare import open_dataset, prepare
from rmixer.models.registry import model_entry
from rmixer.training.make_step import make_step
from rmixer.training.nested import stored_bytes
from rmixer.training.worker import Channel
from rmixer.workload.workload import Job

EPOCH_S = 0.5
MOST_BATCHES = 200


def measure_input(channel: Channel, job: Job) -> list[dict[str, Any]]:
    """``wait_us``, ``core_us`` and ``batch_bytes`` of a batch, by ``epoch``."""
    if job.is_own:
        load = _of_own(job)
        return [{"epoch": "warm", **_epoch(load, MOST_BATCHES)}]
    folder = prepare(job.entry.dataset, job.data)
    for path in folder.glob("*.npy"):
        drop_from_cache(path)
    cold = _epoch(_of_arrays(job), MOST_BATCHES)
    warm = _epoch(_of_arrays(job), cold["batches"])
    return [{"epoch": "cold", **cold}, {"epoch": "warm", **warm}]


def drop_from_cache(path: Path) -> None:
    """Asks the system to drop an unmapped file from its cache; a file that was just written is
    stored first."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fdatasync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def _of_arrays(job: Job) -> Callable[[], Any]:
    arrays = open_dataset(job.entry.dataset, job.data)
    names = model_entry(job.model).build(1).inputs
    return Batches(arrays, job.batch, job.seed, job.rows_cap, names).next_batch


def _of_own(job: Job) -> Callable[[], Any]:
    step: Any = make_step(job)

    def load() -> Any:
        step.load()
        step.copy()
        return step.batch

    for _ in range(3):
        load()
    return load


def _epoch(load: Callable[[], Any], most: int) -> dict[str, Any]:
    """The mean over up to ``most`` batches, or about half a second of them."""
    held = batches = 0
    others_s = _others_seconds()
    begin_s, own_s = time.perf_counter(), time.process_time()
    while batches < most and (not batches or time.perf_counter() - begin_s < EPOCH_S):
        held += stored_bytes(load())
        batches += 1
    wait_s, own_s = time.perf_counter() - begin_s, time.process_time() - own_s
    return {
        "batches": batches,
        "wait_us": wait_s / batches * 1e6,
        "core_us": (own_s + max(0.0, _others_seconds() - others_s)) / batches * 1e6,
        "batch_bytes": held // batches,
    }


def _others_seconds() -> float:
    """Processor time of a data loader's processes: the living ones, and those that ended when the
    data began again."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = ended.ru_utime + ended.ru_stime
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            times = child.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total
