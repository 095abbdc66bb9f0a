"""The GPU's part of a profiling session: PyTorch's profiler with its device's activities, and the
memory of allocator and driver."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from profiles.machines.gpu_meter import GpuMeter
from profiles.traces.device_steps import device_steps
from profiles.traces.trace_events import kineto_events
from rmixer.training.make_step import Step


def context_bytes(device: str) -> int:
    """Bytes of a GPU that the driver holds for this process before it has any tensor. Call it
    first: it creates the context."""
    meter = GpuMeter.open(torch.device(device).index or 0)
    before = meter.used_bytes() if meter else 0
    torch.ones(1, device=device).add_(1)
    torch.cuda.synchronize(device)
    free, total = torch.cuda.mem_get_info(device)
    held = meter.used_bytes() if meter else total - free
    if meter:
        meter.close()
    return max(0, held - before - torch.cuda.memory_reserved(device))


def profiled_on_gpu(run: Callable[[], None]) -> dict[str, Any]:
    """The steps of ``run`` without the first, which starts the profiler and its device's
    activities, in the form of :func:`~profiles.traces.device_steps.device_steps`."""
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as observed:
        run()
        torch.cuda.synchronize()
    events = observed.profiler.kineto_results.events()
    return device_steps(list(kineto_events(events)), skipped=1)


def step_bytes(step: Step, run: Callable[[], None]) -> int:
    """The peak of torch's allocator during ``run``, a step, above its level before, and the bytes
    of gradients in it."""
    before = torch.cuda.memory_allocated(step.device)
    torch.cuda.reset_peak_memory_stats(step.device)
    run()
    torch.cuda.synchronize(step.device)
    most = torch.cuda.max_memory_allocated(step.device)
    return most - before + step.bytes_by_use()["gradient_bytes"]
