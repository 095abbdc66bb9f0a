"""The growth of a heap under blocks that come and go, by glibc's rules."""

from __future__ import annotations

from bisect import bisect_left, insort

_HEADER, _OWN_HEADER, _UNIT, _LEAST = 16, 8, 16, 32


class BestFit:
    """A heap that gives each block the smallest free stretch that holds it, and grows if none does;
    free neighbours are joined, and a free end is given back. ``peak_bytes`` is its largest extent.

    A block with a larger alignment is taken with room for that, and the rest on either side is free
    again (like glibc's ``posix_memalign``): small blocks then lie there, and its place is too small
    for the next one of its size.
    """

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._end = 0
        self._free: list[tuple[int, int]] = []  # sizes and starts, in order
        self._size_at: dict[int, int] = {}
        self._size_before: dict[int, int] = {}
        self._held: dict[int, int] = {}

    def take(self, size: int, alignment: int = _UNIT) -> int:
        """Takes a new block of ``size`` bytes and returns its start, by which it is freed."""
        needed = max(_LEAST, -(-(size + _OWN_HEADER) // _UNIT) * _UNIT)
        room = alignment + _LEAST if alignment > _UNIT else 0
        begin, stretch = self._cut(needed + room)
        start = -(-(begin + _HEADER) // alignment) * alignment - _HEADER
        if 0 < start - begin < _LEAST:
            start += alignment
        self._release(begin, start - begin)
        rest = begin + stretch - start - needed
        if rest < _LEAST:
            needed, rest = needed + rest, 0
        self._release(start + needed, rest)
        self._held[start] = needed
        return start

    def give_back(self, start: int) -> None:
        """Frees the block that :meth:`take` put there."""
        self._release(start, self._held.pop(start))

    def _cut(self, size: int) -> tuple[int, int]:
        """Takes a free stretch; returns its start and size."""
        place = bisect_left(self._free, (size, 0))
        if place < len(self._free):
            found, start = self._free[place]
            self._forget(start, found)
            return start, found
        start = self._end
        self._end += size
        self.peak_bytes = max(self.peak_bytes, self._end)
        return start, size

    def _release(self, start: int, size: int) -> None:
        if size == 0:
            return
        if before := self._size_before.get(start):
            self._forget(start - before, before)
            start, size = start - before, size + before
        if after := self._size_at.get(start + size):
            self._forget(start + size, after)
            size += after
        if start + size == self._end:
            self._end = start
        else:
            insort(self._free, (size, start))
            self._size_at[start] = self._size_before[start + size] = size

    def _forget(self, start: int, size: int) -> None:
        del self._free[bisect_left(self._free, (size, start))]
        del self._size_at[start], self._size_before[start + size]
