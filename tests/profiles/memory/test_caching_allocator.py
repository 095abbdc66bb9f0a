"""The allocator's rules by hand, as CUDACachingAllocator.cpp has them."""

from __future__ import annotations

import pytest

from profiles.memory.caching_allocator import CachingAllocator, segment_bytes

KIB, MIB = 1 << 10, 1 << 20


@pytest.mark.parametrize(
    ("size", "segment"),
    [
        (512, 2 * MIB),
        (MIB, 2 * MIB),
        (MIB + 512, 20 * MIB),
        (10 * MIB - 512, 20 * MIB),
        (10 * MIB, 10 * MIB),
        (32 * MIB, 32 * MIB),
        (33 * MIB, 34 * MIB),
    ],
)
def test_segments(size: int, segment: int) -> None:
    assert segment_bytes(size) == segment


def test_blocks_are_whole_512_bytes() -> None:
    allocator = CachingAllocator()
    for size in (1, 512, 513):
        allocator.allocate(size)
    assert allocator.peak_bytes == 512 + 512 + 1024
    assert allocator.reserved_bytes == 2 * MIB
    assert allocator.allocate(0) is None


def test_small_and_large_blocks_have_segments_of_their_own() -> None:
    allocator = CachingAllocator()
    allocator.allocate(600 * KIB)
    allocator.allocate(3 * MIB)
    allocator.allocate(5 * MIB)  # from the same 20 MiB
    assert allocator.reserved_bytes == 22 * MIB
    allocator.allocate(600 * KIB)
    allocator.allocate(600 * KIB)
    assert allocator.reserved_bytes == 22 * MIB
    allocator.allocate(600 * KIB)  # three of them fill 2 MiB
    assert allocator.reserved_bytes == 24 * MIB


def test_what_is_freed_is_kept_joined_and_taken_again() -> None:
    allocator = CachingAllocator()
    blocks = [allocator.allocate(6 * MIB) for _ in range(3)]
    for block in blocks:
        allocator.free(block)
    allocator.allocate(18 * MIB)
    assert allocator.reserved_bytes == 20 * MIB
    assert allocator.peak_bytes == 18 * MIB  # the rest of 2 MiB is cut off


def test_a_large_block_keeps_a_rest_of_up_to_one_mib() -> None:
    allocator = CachingAllocator()
    allocator.free(allocator.allocate(12 * MIB))
    allocator.allocate(11 * MIB)
    assert allocator.peak_bytes == 12 * MIB
    allocator.allocate(512)
    assert allocator.reserved_bytes == 14 * MIB


def test_the_smallest_free_block_that_holds_it_is_taken() -> None:
    allocator = CachingAllocator()
    larger, smaller = allocator.allocate(40 * MIB), allocator.allocate(30 * MIB)
    allocator.free(larger)
    allocator.free(smaller)
    assert allocator.allocate(25 * MIB) == smaller
    assert allocator.allocate(40 * MIB) == larger
    assert allocator.reserved_bytes == 70 * MIB
