"""The free memory of an allocator: blocks in order of size, joined with their free neighbours."""

from __future__ import annotations

from bisect import bisect_left, insort


class FreeBlocks:
    """Free blocks by size and start. A start is a number: those of blocks that must never be
    neighbours lie apart."""

    def __init__(self) -> None:
        self._free: list[tuple[int, int]] = []  # sizes and starts, in order
        self._size_at: dict[int, int] = {}
        self._size_before: dict[int, int] = {}

    def smallest(self, size: int) -> tuple[int, int] | None:
        """Takes the smallest block of at least ``size`` bytes out; returns its start and size, or
        None if there is none."""
        place = bisect_left(self._free, (size, 0))
        if place == len(self._free):
            return None
        found, start = self._free[place]
        self._forget(start, found)
        return start, found

    def joined(self, start: int, size: int) -> tuple[int, int]:
        """Takes the free neighbours of a block out; returns the start and size of all together."""
        if before := self._size_before.get(start):
            self._forget(start - before, before)
            start, size = start - before, size + before
        if after := self._size_at.get(start + size):
            self._forget(start + size, after)
            size += after
        return start, size

    def add(self, start: int, size: int) -> None:
        """Adds a block whose neighbours are not free."""
        insort(self._free, (size, start))
        self._size_at[start] = self._size_before[start + size] = size

    def _forget(self, start: int, size: int) -> None:
        del self._free[bisect_left(self._free, (size, start))]
        del self._size_at[start], self._size_before[start + size]
