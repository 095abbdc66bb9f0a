"""Attention as a GPU runs it, on the stand-in for one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from torch.utils._python_dispatch import TorchDispatchMode

from profiles.memory.absent_gpu import FUSED_BACKWARD, STAND_IN, absent_gpu, backward_bytes
from profiles.memory.caching_allocator import CachingAllocator
from profiles.memory.gpu_memory_prediction import _GpuWatch
from profiles.memory.gpu_temporaries import gpu_temporary_bytes
from profiles.memory.watched_step import blank_substitute
from profiles.stored.store import RECORDED
from rmixer.model_profile.profile_files import read_profile
from rmixer.training.step import TrainingStep
from rmixer.workload.workload import job_of


class _Names(TorchDispatchMode):
    """The operators that are called."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def __torch_dispatch__(
        self,
        func: Any,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        self.found[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


def heads(width: int = 32, device: str = STAND_IN) -> list[Tensor]:
    """Query, key and value of 8 samples, 2 heads and 3 places."""
    shape = (8, 3, 2, width)
    return [torch.ones(shape, device=device, requires_grad=True).transpose(1, 2) for _ in "qkv"]


def operators(tensors: list[Tensor], **others: Any) -> Counter[str]:
    with absent_gpu(), _Names() as names:
        scaled_dot_product_attention(*tensors, **others)
    return names.found


def test_it_is_fused_and_keeps_its_shapes() -> None:
    tensors = heads()
    with absent_gpu(), _Names() as names:
        attended = scaled_dot_product_attention(*tensors)
        attended.backward(torch.ones_like(attended))  # type: ignore[no-untyped-call]
    assert attended.shape == (8, 2, 3, 32)
    assert names.found["_scaled_dot_product_efficient_attention"] == 1
    assert names.found["_scaled_dot_product_efficient_attention_backward"] == 1
    assert names.found["bmm"] == 0


def test_what_a_gpu_does_not_fuse_is_not() -> None:
    assert operators(heads(width=6))["bmm"] == 2
    assert operators(heads(), dropout_p=0.5)["bmm"] == 2
    mask = torch.ones(3, 3, dtype=torch.bool, device=STAND_IN)
    assert operators(heads(), attn_mask=mask)["bmm"] == 2
    assert operators(heads(), is_causal=True)["bmm"] == 2
    doubles = [tensor.double() for tensor in heads()]
    assert operators(doubles)["bmm"] == 2
    one, *others = heads()
    assert operators([one[:1], *others])["bmm"] == 2
    on_host = operators(heads(device="cpu"))
    assert on_host["_scaled_dot_product_efficient_attention"] == 0


def test_names_and_defaults_change_nothing() -> None:
    query, key, value = heads()
    names = {"query": query, "key": key, "value": value}
    for others in ({}, {"attn_mask": None, "dropout_p": 0.0, "is_causal": False, "scale": 0.5}):
        found = operators([], **names, **others)
        assert found["_scaled_dot_product_efficient_attention"] == 1


def test_what_is_kept_for_the_backward_pass() -> None:
    """A number for each query, of 32 at least, where there will be one."""

    def kept(requires_grad: bool, enabled: bool = True) -> int:
        tensors = [tensor.detach().requires_grad_(requires_grad) for tensor in heads()]
        allocator = CachingAllocator()
        with absent_gpu(), torch.set_grad_enabled(enabled), _GpuWatch(allocator, 0) as watch:
            scaled_dot_product_attention(*tensors)
        return int(sum(watch.peak.values()))

    assert kept(True) - kept(False) == 8 * 2 * 32 * 4
    assert kept(True, enabled=False) == kept(False)


def test_afterwards_it_is_as_before() -> None:
    operators(heads())
    with _Names() as names:
        scaled_dot_product_attention(*heads())
    assert names.found["bmm"] == 2


def test_buffers_of_the_backward_pass() -> None:
    """DPIN's 512 x 2 heads have one block each: a lock and 64 x 64 numbers. Heads of 96 have blocks
    of 128 queries, in two parts: 200 queries, two blocks."""
    query, _, value = (torch.empty(512, 2, 3, 32, device=STAND_IN) for _ in range(3))
    assert backward_bytes(query, value) == (512 * 2 * 3 * 4, 512 * 2 * (16 + 64 * 64 * 4))
    wide = torch.empty(1, 1, 200, 96, device=STAND_IN)
    assert backward_bytes(wide, wide) == (200 * 4, 2 * 2 * (16 + 128 * 64 * 4))
    narrow = torch.empty(1, 1, 300, 32, device=STAND_IN)
    assert backward_bytes(narrow, wide) == (300 * 4, 3 * (16 + 128 * 64 * 4))


def test_the_backward_pass_asks_for_its_own_query_and_value() -> None:
    query, key, value = (torch.ones(1, 1, length, 32, device=STAND_IN) for length in (200, 7, 7))
    value = value.repeat(1, 1, 1, 3)
    arguments = (query, query, key, value, None, query)
    found = gpu_temporary_bytes(FUSED_BACKWARD.default, arguments, None)
    assert found == backward_bytes(query, value)
    assert found != backward_bytes(key, value)
    assert found != backward_bytes(query, key)


def test_dpin_calls_it_as_often_as_on_a_recorded_gpu() -> None:
    job = replace(job_of("kdd_dpin"), batch=8, rows_cap=100)
    with absent_gpu():
        step = TrainingStep(job, STAND_IN, blank_substitute(job))
        with _Names() as names:
            step.run()
    (folder,) = Path(RECORDED, "h100-16c").glob("kdd_dpin-*")
    recorded = Counter(row.operator for row in read_profile(folder).operators if row.lane == "gpu")
    backward = "_scaled_dot_product_efficient_attention_backward"
    assert names.found[backward] == recorded[f"aten::{backward}"] == 12
