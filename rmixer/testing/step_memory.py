"""The memory that a step keeps for its backward pass, and the memory that the allocator counts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.profiler import ProfilerActivity, profile, record_function

from rmixer.training.nested import tensors_in
from rmixer.training.own_step import OwnStep

_MARK = "rmixer::checked step"


def forward_counted(step: OwnStep) -> tuple[Tensor, int]:
    """The loss of ``step``'s loaded batch, and the bytes kept for the backward pass that are not
    parameters, buffers or the batch itself; each storage counts once."""
    held = [*step.parameters, *step.model.buffers(), *tensors_in(step.batch)]
    known = {_storage(value) for value in held}
    kept: dict[int, int] = {}

    def keep(value: Tensor) -> Tensor:
        if value.layout is torch.strided and _storage(value) not in known:
            kept[_storage(value)] = value.untyped_storage().nbytes()
        return value

    with saved_tensors_hooks(keep, lambda value: value):
        loss = step.forward()
    return loss, sum(kept.values())


def _storage(value: Tensor) -> int:
    return value.untyped_storage().data_ptr() if value.layout is torch.strided else id(value)


def allocated(step: OwnStep, steps: int) -> tuple[int, list[int]]:
    """The allocator's peak within a step above its level between steps without gradients, and the
    growth of that level by each step after the first, without input."""
    for parameter in step.parameters:
        parameter.grad = None
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as observed:
        for _ in range(steps):
            step.load()
            step.copy()
            with record_function(_MARK):
                loss = step.forward()
                step.backward(loss)
                del loss
                step.optimize()
    events: Any = observed.profiler.kineto_results.events()
    spans = sorted(
        (e.start_ns(), e.start_ns() + e.duration_ns()) for e in events if e.name() == _MARK
    )
    changes = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
    inside = [[size for at, size in changes if start <= at <= end] for start, end in spans]
    running = peak = 0
    for size in inside[0]:
        running += size
        peak = max(peak, running)
    return peak, [sum(sizes) for sizes in inside[1:]]
