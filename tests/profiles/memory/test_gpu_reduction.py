"""What a reduction on a GPU stages: by hand, from the rules of PyTorch's Reduce.cuh."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from profiles.memory.gpu_reduction import staging_bytes

H100 = 132


def on_gpu(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.empty(shape, dtype=dtype, device="meta")


def test_columns_of_many_rows() -> None:
    """DIEN's gradient of a bias, [3200, 384] over 0. A thread has 4 of 384 columns, so 96 threads
    beside one another: blocks of 32 x 4, in 3 groups. 3200 rows ÷ 4 are 800 a thread: divided by
    50 blocks, for each to add 16. Each block stages 4 x 32 numbers for every column."""
    assert staging_bytes(on_gpu(3200, 384), [0], H100) == (4 * 384 * 50 * 4 * 32, 4 * 3)
    assert staging_bytes(on_gpu(32, 100, 384), [0, 1], H100) == (4 * 384 * 50 * 4 * 32, 4 * 3)


def test_columns_that_are_no_multiple_of_four() -> None:
    """[3200, 6]: two columns a thread, 3 beside one another in blocks of 2 x 128, 25 rows each:
    enough for no second block. [320000, 6]: 2500 rows each, 157 blocks of 16, in 2 groups."""
    assert staging_bytes(on_gpu(3200, 6), [0], H100) == ()
    assert staging_bytes(on_gpu(320_000, 6), [0], H100) == (4 * 6 * 157 * 2 * 2, 4 * 2)


def test_all_of_a_long_row() -> None:
    """10^7 numbers: one block of 512 would add 19532 each; 132 x 4 fill the GPU. Each stages
    one."""
    assert staging_bytes(on_gpu(10_000_000), [], H100) == (4 * 528, 4)
    assert staging_bytes(on_gpu(10_000, 1000), [0, 1], H100) == (4 * 528, 4)
    assert staging_bytes(on_gpu(10_000_000), [0]) == (4 * 108 * 4, 4)


def test_a_block_has_room_for_few_rows() -> None:
    assert staging_bytes(on_gpu(512, 1024), [0], H100) == ()
    assert staging_bytes(on_gpu(100, 32, 128), [2], H100) == ()
    assert staging_bytes(on_gpu(1), [], H100) == staging_bytes(on_gpu(), [], H100) == ()
    assert staging_bytes(on_gpu(0, 384), [0], H100) == ()


def test_columns_in_memory_are_rows_turned() -> None:
    """Reduced along the memory, each of 384 rows is one block's."""
    assert staging_bytes(on_gpu(384, 3200).t(), [0], H100) == ()


@pytest.mark.parametrize(
    ("values", "dims", "expected"),
    [
        # The base's address allows two columns at once, or a row's length does.
        (on_gpu(3200 * 384 + 2)[2:].view(3200, 384), [0], (2457600, 24)),
        (on_gpu(3200, 386)[:, :384], [0], (2457600, 24)),
        # Rows of 10^6 numbers, each added by several blocks; turned, as columns.
        (on_gpu(4, 1_000_000), [1], (1968, 16)),
        (on_gpu(1_000_000, 4).t(), [1], (31296, 4)),
        # Expanded over samples: as if they were there, and where they are.
        (on_gpu(100, 384).expand(3200, 100, 384), [0, 1], (138412032, 12)),
        (on_gpu(100, 384).expand(32, 100, 384), [0, 1], (9830400, 12)),
    ],
)
def test_others_worked_out_from_the_source(
    values: Tensor, dims: list[int], expected: tuple[int, ...]
) -> None:
    """By a second reading of the source, not this one's."""
    assert staging_bytes(values, dims, H100) == expected


def test_expanded_dimensions_among_others() -> None:
    """Likewise. Orders in which an expanded dimension stands between two that change places."""
    strided = torch.empty(1, device="meta").as_strided((10000, 2, 128, 1, 2), (0, 256, 2, 2, 1))
    assert staging_bytes(strided, [-3, -5], 1) == (2560, 4)
    strided = torch.empty(1, device="meta").as_strided((128, 12, 6, 1024), (0, 1, 12288, 12))
    assert staging_bytes(strided, [0, 2, 3], 20) == (61440, 8)


def test_a_maximum_is_kept_as_narrow_as_it_is() -> None:
    narrow = on_gpu(3200, 384, dtype=torch.bfloat16)
    assert staging_bytes(narrow, [0], H100) == (4915200, 12)
    assert staging_bytes(narrow, [0], H100, kept_bytes=4) == (9830400, 12)


def test_integers_are_twice_as_wide() -> None:
    staged, counters = staging_bytes(on_gpu(3200, 384, dtype=torch.int64), [0], H100)
    assert (staged, counters) == (8 * 384 * 50 * 4 * 32, 4 * 3)


@given(
    shape=st.lists(st.integers(1, 5000), min_size=1, max_size=3),
    data=st.data(),
)
def test_dimensions_of_size_one_and_their_signs_change_nothing(
    shape: list[int], data: st.DataObject
) -> None:
    dim = data.draw(st.integers(0, len(shape) - 1))
    values = on_gpu(*shape)
    found = staging_bytes(values, [dim], H100)
    assert staging_bytes(values, [dim - len(shape)], H100) == found
    assert staging_bytes(values.unsqueeze(0), [dim + 1], H100) == found
    assert staging_bytes(values.unsqueeze(-1), [dim], H100) == found
    assert all(size > 0 for size in found)


@pytest.mark.parametrize("multiprocessors", [1, 132, 10_000])
def test_more_multiprocessors_never_stage_less(multiprocessors: int) -> None:
    fewer = sum(staging_bytes(on_gpu(1_000_000, 8), [0], multiprocessors))
    assert fewer <= sum(staging_bytes(on_gpu(1_000_000, 8), [0], multiprocessors + 1))
