"""What operators allocate for themselves on a GPU, by hand."""

from __future__ import annotations

import torch
from torch import Tensor

from profiles.memory.caching_allocator import CachingAllocator
from profiles.memory.gpu_memory_prediction import _GpuWatch
from profiles.memory.gpu_temporaries import gpu_temporary_bytes

aten = torch.ops.aten
H100 = 132
STAGED = 4 * 384 * 50 * 4 * 32


def on_gpu(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.empty(shape, dtype=dtype, device="meta")


def test_reductions_stage() -> None:
    values = on_gpu(3200, 384)
    for operator in (aten.sum.dim_IntList, aten.mean.dim, aten.amax.default, aten.amin.default):
        assert gpu_temporary_bytes(operator, (values, [0], False), H100) == (STAGED, 12)
    norm = (values, 2.0, [0])
    assert gpu_temporary_bytes(aten.linalg_vector_norm.default, norm, H100) == (STAGED, 12)
    assert gpu_temporary_bytes(aten.sum.default, (values,), H100) == (4 * 150, 4)  # 2400 each
    assert gpu_temporary_bytes(aten.sum.dim_IntList, (on_gpu(16, 384), [0]), H100) == ()


def test_narrow_integers_are_widened_first() -> None:
    flags = on_gpu(3200, 384, dtype=torch.bool)
    found = gpu_temporary_bytes(aten.sum.dim_IntList, (flags, [0]), H100)
    assert found == (8 * 3200 * 384, 2 * STAGED, 12)
    turned = on_gpu(3200, 384, dtype=torch.int32).t()
    found = gpu_temporary_bytes(aten.sum.dim_IntList, (turned, [1]), H100)
    assert found == (8 * 3200 * 384, 2 * STAGED, 12)
    assert gpu_temporary_bytes(aten.cumsum.default, (turned, 1), H100) == (8 * 3200 * 384,)


def test_what_a_number_is_kept_as() -> None:
    """Sums and norms of narrow numbers are floats, maxima are not; integers keep their width."""
    narrow = on_gpu(3200, 384, dtype=torch.bfloat16)
    assert gpu_temporary_bytes(aten.sum.dim_IntList, (narrow, [0]), H100) == (STAGED, 12)
    norm = (narrow, 2.0, [0])
    assert gpu_temporary_bytes(aten.linalg_vector_norm.default, norm, H100) == (STAGED, 12)
    assert gpu_temporary_bytes(aten.amax.default, (narrow, [0]), H100) == (STAGED // 2, 12)
    whole = on_gpu(3200, 384, dtype=torch.int32)
    assert gpu_temporary_bytes(aten.amax.default, (whole, [0]), H100) == (STAGED, 12)


def test_one_long_row_is_sorted_between_buffers() -> None:
    narrow = on_gpu(100_000, dtype=torch.int32)
    assert gpu_temporary_bytes(aten.sort.stable, (narrow,), H100) == (800_000, 1_200_000)
    ids = on_gpu(100_000, dtype=torch.int64)
    assert gpu_temporary_bytes(aten.sort.stable, (ids,), H100) == (800_000, 1_600_000)
    assert gpu_temporary_bytes(aten.sort.stable, (ids[:4096],), H100) == ()


def test_others_have_none_that_is_known() -> None:
    assert gpu_temporary_bytes(aten.add.Tensor, (on_gpu(3), on_gpu(3)), H100) == ()
    assert gpu_temporary_bytes(aten.empty.memory_format, ([3],), H100) == ()


def test_the_watch_counts_them_on_its_device_alone() -> None:
    allocator = CachingAllocator()
    with _GpuWatch(allocator, 0, H100) as watch:
        values = torch.empty(3200, 384, device="meta")
        values.sum(0)
        torch.ones(32_000, 384).sum(0)
    assert allocator.peak_bytes == values.nbytes + 4 * 384 + STAGED + 512
    assert sum(watch.held.values()) == values.nbytes
