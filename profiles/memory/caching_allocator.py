"""The memory that torch's allocator takes from a GPU's driver for blocks that come and go.

The rules are those of PyTorch's ``c10/cuda/CUDACachingAllocator.cpp`` for one stream, with its
default settings and while the GPU has memory left.
"""

from __future__ import annotations

from profiles.memory.free_blocks import FreeBlocks

BLOCK_BYTES = 512
SMALL_BYTES, SMALL_SEGMENT_BYTES = 1 << 20, 2 << 20
"""Blocks of up to 1 MiB are cut from segments of 2 MiB,"""
MIDDLE_BYTES, MIDDLE_SEGMENT_BYTES = 10 << 20, 20 << 20
"""those under 10 MiB from segments of 20 MiB,"""
LARGE_UNIT_BYTES = 2 << 20
"""others have a segment each, in whole 2 MiB."""

_Place = int
"""The start of a block; segments lie apart."""


class CachingAllocator:
    """Blocks in segments, which the allocator keeps; ``peak_bytes`` is the largest sum of blocks
    (``torch.cuda.max_memory_allocated``), ``reserved_bytes`` the memory taken from the driver
    (``max_memory_reserved``).

    A block is cut from the smallest free one of its pool, small or large, that holds it; the rest
    stays with it if it is under 512 bytes, of a large one up to 1 MiB. Free neighbours within a
    segment are joined.
    """

    def __init__(self) -> None:
        self.peak_bytes = self.reserved_bytes = 0
        self._given = self._next = 0
        self._free = {True: FreeBlocks(), False: FreeBlocks()}
        self._held: dict[_Place, tuple[int, bool]] = {}

    def allocate(self, size: int) -> _Place | None:
        """A new block of ``size`` bytes, to be freed by its place; None for an empty one."""
        if size == 0:
            return None
        needed = -(-size // BLOCK_BYTES) * BLOCK_BYTES
        small = needed <= SMALL_BYTES
        place, found = self._take(needed, small)
        rest = found - needed
        if rest >= BLOCK_BYTES if small else rest > SMALL_BYTES:
            self._release(place + needed, rest, small)
            found = needed
        self._held[place] = found, small
        self._given += found
        self.peak_bytes = max(self.peak_bytes, self._given)
        return place

    def free(self, place: _Place | None) -> None:
        """Frees the block that :meth:`allocate` put there."""
        if place is not None:
            size, small = self._held.pop(place)
            self._given -= size
            self._release(place, size, small)

    def _take(self, size: int, small: bool) -> tuple[_Place, int]:
        if found := self._free[small].smallest(size):
            return found
        segment = segment_bytes(size)
        self.reserved_bytes += segment
        start = self._next
        self._next += segment + 1
        return start, segment

    def _release(self, place: _Place, size: int, small: bool) -> None:
        free = self._free[small]
        free.add(*free.joined(place, size))


def segment_bytes(size: int) -> int:
    """Bytes taken from the driver for a block of ``size`` bytes if none is free."""
    if size <= SMALL_BYTES:
        return SMALL_SEGMENT_BYTES
    if size < MIDDLE_BYTES:
        return MIDDLE_SEGMENT_BYTES
    return -(-size // LARGE_UNIT_BYTES) * LARGE_UNIT_BYTES
