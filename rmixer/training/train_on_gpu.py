"""A job on the GPU that a worker sees, as a worker's task."""

from __future__ import annotations

import gc
import os
from typing import Any

from rmixer.errors import RunFailed
from rmixer.hardware.visible_gpus import VISIBLE
from rmixer.training.train_job import train_job
from rmixer.training.worker import Channel

GPU = "cuda"
"""The first GPU that a worker sees: torch's name of it. A worker of a run sees one."""


def check_gpu() -> None:
    """Raise :class:`RunFailed` where torch finds no GPU in this process."""
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
    """:func:`~rmixer.training.train_job.train_job` with ``order``, on the GPU. torch may take
    ``most_bytes`` of its memory for the job (0: all); beyond that it raises its
    ``OutOfMemoryError``. Its memory is given back before and after, so that what it held is known
    and others can have it. Raises :class:`RunFailed` where there is no GPU."""
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
    """torch keeps the memory of a job that has ended for the next one. Objects that refer to each
    other in a circle hold theirs until they are collected."""
    import torch

    gc.collect()
    torch.cuda.empty_cache()
