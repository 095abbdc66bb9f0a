"""Trains a job on the GPU that a worker sees, as a worker's task."""

from __future__ import annotations

import gc
import os
from typing import Any

from rmixer.errors import RunFailed
from rmixer.hardware.visible_gpus import VISIBLE
from rmixer.training.train_job import train_job
from rmixer.training.worker import Channel

GPU = "cuda"
"""Torch's name of the first GPU that a worker sees. A worker of a run sees one."""


def check_gpu() -> None:
    """Raises :class:`RunFailed` if torch finds no GPU in this process."""
    import torch

    if torch.cuda.is_available():
        return
    build = f"torch {torch.__version__}"
    if torch.version.cuda is None and torch.version.hip is None:
        build += ", which is built for the CPU alone"
    seen = os.environ.get(VISIBLE)
    hidden = "not set" if seen is None else repr(seen)
    raise RunFailed(f"a worker is to train on a GPU and finds none: {build}; {VISIBLE} is {hidden}")


def train_on_gpu(channel: Channel, most_bytes: int, **order: Any) -> dict[str, Any]:
    """Runs :func:`~rmixer.training.train_job.train_job` with ``order`` on the GPU. torch may take
    ``most_bytes`` of its memory for the job (0: all); beyond that it raises its
    ``OutOfMemoryError``. GPU memory is freed before and after, so that the job's is measured and
    others can have it. Raises :class:`RunFailed` if there is no GPU."""
    import torch

    check_gpu()
    _give_back()
    torch.cuda.reset_peak_memory_stats(GPU)
    _, total_bytes = torch.cuda.mem_get_info(GPU)
    share = min(1.0, most_bytes / total_bytes) if most_bytes else 1.0
    torch.cuda.set_per_process_memory_fraction(share, GPU)
    answer = train_job(channel, device=GPU, **order)
    _give_back()
    return answer


def _give_back() -> None:
    """Frees the memory that torch keeps for the next job. Objects that refer to each other in a
    circle hold theirs until they are collected."""
    import torch

    gc.collect()
    torch.cuda.empty_cache()
