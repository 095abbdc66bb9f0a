"""Predicts peak memory of a job's training on a GPU without one: the step's own code on a stand-in,
with the rules of torch's allocator."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from profiles.memory.absent_gpu import STAND_IN, absent_gpu
from profiles.memory.caching_allocator import CachingAllocator
from profiles.memory.data_size import check_predictable
from profiles.memory.gpu_temporaries import gpu_temporary_bytes
from profiles.memory.known_gpu import UNKNOWN_GPU, KnownGpu
from profiles.memory.storage_watch import StorageWatch
from profiles.memory.watched_step import OPTIMIZER, blank_substitute, peak_by_use, watch_training
from rmixer.errors import InputError
from rmixer.workload.workload import Job

LARGE_BYTES = 32 << 20
"""On Hopper and Blackwell,"""
ELSEWHERE_BYTES = 2 * (4096 << 10) + 8 * (16 << 10)
"""and on all others."""
_LARGE_ON = re.compile(r"\b(GH|H|B|GB)\d{2,3}\b")
_PRODUCTS = {
    getattr(torch.ops.aten, name)
    for name in ("mm", "addmm", "addmm_", "bmm", "baddbmm", "addmv", "addmv_", "mv", "dot")
}


def workspace_bytes(gpu_name: str | None, settings: str | None = None) -> int:
    """Bytes that torch's allocator holds for cuBLAS for each thread that asks it for a product,
    from the first one on, on a GPU of this name (None: one that is neither Hopper nor Blackwell).

    ``settings`` is ``CUBLAS_WORKSPACE_CONFIG`` if that is set, like ``:4096:2:16:8``: KiB and
    number of buffers. The default is that of PyTorch's ``aten/src/ATen/cuda/CublasHandlePool.cpp``;
    cublasLt takes its workspace from the same block.
    """
    if settings and (parts := re.findall(r":(\d+):(\d+)", settings)):
        return sum(int(kib) * 1024 * int(count) for kib, count in parts)
    return LARGE_BYTES if _LARGE_ON.search(gpu_name or "") else ELSEWHERE_BYTES


def is_product(operator: Any) -> bool:
    """True if ``operator``, with its overload, uses the matrix library."""
    return operator.overloadpacket in _PRODUCTS


WORKSPACES = "workspaces"


@dataclass(frozen=True)
class PredictedGpuMemory:
    """The memory of a job on a GPU at its peak, by use as in
    :class:`~profiles.memory.memory_prediction.PredictedMemory`, and ``workspace_bytes`` of the
    matrix library. ``allocated_bytes`` is all of it in the blocks of torch's allocator,
    ``reserved_bytes`` the memory that this takes from the driver; the context is not included."""

    parameter_bytes: int
    gradient_bytes: int
    optimizer_bytes: int
    activation_bytes: int
    input_bytes: int
    workspace_bytes: int
    allocated_bytes: int
    reserved_bytes: int


def predict_gpu_memory(job: Job, gpu: KnownGpu = UNKNOWN_GPU) -> PredictedGpuMemory:
    """The memory of ``job``, a model of the registry in single precision, in training and
    evaluation on ``gpu``. Its name decides the matrix library's workspace
    (:func:`workspace_bytes`), its multiprocessors the division of
    sums. Raises :class:`InputError` for other jobs."""
    check_predictable(job)
    if job.precision != "fp32":
        allowed = "fp32: which tensors a GPU's mixed precision makes is not predicted"
        raise InputError("memory", "precision", repr(job.precision), allowed)
    allocator = CachingAllocator()
    size = workspace_bytes(gpu.name, os.environ.get("CUBLAS_WORKSPACE_CONFIG"))
    substitute = blank_substitute(job)
    with absent_gpu(), _GpuWatch(allocator, size, gpu.multiprocessors) as watch:
        watch_training(job, STAND_IN, substitute, watch)
    return PredictedGpuMemory(
        **peak_by_use(watch),
        workspace_bytes=watch.peak.get(WORKSPACES, 0),
        allocated_bytes=allocator.peak_bytes,
        reserved_bytes=allocator.reserved_bytes,
    )


class _GpuWatch(StorageWatch):
    """A watch of the stand-in. The matrix library has a handle for each thread, and autograd runs a
    GPU's backward pass in a separate one."""

    def __init__(
        self, allocator: CachingAllocator, workspace_bytes: int, multiprocessors: int | None = None
    ) -> None:
        temporaries = partial(gpu_temporary_bytes, multiprocessors=multiprocessors)
        super().__init__(OPTIMIZER, allocator, STAND_IN, temporaries)
        self._workspace_bytes = workspace_bytes
        self._backward_has_one: set[bool] = set()

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Calls the watch; a product also gives its thread a workspace."""
        returned = super().__torch_dispatch__(func, types, args, kwargs)
        backward = torch._C._current_graph_task_id() != -1
        if is_product(func) and backward not in self._backward_has_one:
            self._backward_has_one.add(backward)
            self.hold(self._workspace_bytes, WORKSPACES)
        return returned
