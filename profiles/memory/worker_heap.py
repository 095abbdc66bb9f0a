"""A worker's heap on the CPU over a long run: tensors, and the small objects that belong to each.

A heap grows for tens of steps: sometimes a large block finds no whole stretch, because something
small lies in it, and is put at the end. By then all steps are alike, so the last watched one is
repeated block by block, without its tensors.
"""

from __future__ import annotations

from profiles.memory.free_blocks import FreeBlocks

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
        self._free = FreeBlocks()
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
        if found := self._free.smallest(size):
            return found
        start = self._end
        self._end += size
        self.peak_bytes = max(self.peak_bytes, self._end)
        return start, size

    def _release(self, start: int, size: int) -> None:
        if size == 0:
            return
        start, size = self._free.joined(start, size)
        if start + size == self._end:
            self._end = start
        else:
            self._free.add(start, size)


ALIGNMENT = 64
"""The alignment of torch's tensors on the CPU."""
BEFORE_BYTES, AFTER_BYTES = (96,), (176, 24)
"""Observed requests of torch 2.13 to malloc around the data of a new tensor: its storage's object
before, then the tensor's and its graph's. They decide which gaps between large blocks stay whole.
"""
LONG_RUN_STEPS = 100
"""The number of steps after which a heap hardly grows."""
MOST_BLOCKS = 100_000
"""Blocks that are placed again, a second's work: a step of thousands of blocks is repeated less
often."""

_Step = list[tuple[int, int | None]]
"""The blocks that a step takes, by number and size, and frees: their size is None."""


class WorkerHeap(BestFit):
    """The places that glibc would give to the data and the objects of tensors. It learns where
    steps begin and, after at least three, can :meth:`go_on`."""

    def __init__(self) -> None:
        super().__init__()
        self._places: dict[int, list[int]] = {}
        self._count = 0
        self._steps: list[_Step] = [[]]

    def allocate(self, size: int) -> int:
        """Takes a place for a tensor of ``size`` bytes and returns the number that frees it."""
        self._count += 1
        self._places[self._count] = self._put(size)
        self._steps[-1].append((self._count, size))
        return self._count

    def free(self, number: int) -> None:
        """Frees the tensor that :meth:`allocate` gave this ``number``."""
        self._drop(self._places.pop(number))
        self._steps[-1].append((number, None))

    def step_begins(self) -> None:
        """Marks the beginning of a new step."""
        self._steps.append([])

    def go_on(self) -> None:
        """Repeats the last step up to the hundredth, if the one before was like it. The blocks that
        it left are then those of the last repetition."""
        before, step = self._steps[-2:]
        born, inherited = _order(step), _order(before)
        known = {number: ~order for number, order in inherited.items()} | born
        if _shape(before) != _shape(step) or any(number not in known for number, _ in step):
            return
        left = {number: order for number, order in born.items() if number in self._places}
        last = {order: self._places[number] for number, order in left.items()}
        repeats = min(LONG_RUN_STEPS - len(self._steps) + 1, MOST_BLOCKS // max(1, len(born)))
        for _ in range(repeats):
            now: dict[int, list[int]] = {}
            for number, size in step:
                order = known[number]
                if size is not None:
                    now[order] = self._put(size)
                else:
                    self._drop(now.pop(order) if order >= 0 else last.pop(~order))
            last |= now
        self._places |= {number: last[order] for number, order in left.items()}

    def _put(self, size: int) -> list[int]:
        before = [self.take(part) for part in BEFORE_BYTES]
        data = [self.take(size, ALIGNMENT)] if size else []
        return [*before, *data, *(self.take(part) for part in AFTER_BYTES)]

    def _drop(self, places: list[int]) -> None:
        for place in places:
            self.give_back(place)


def _order(step: _Step) -> dict[int, int]:
    """The blocks that the step takes, in order."""
    return {number: at for at, (number, _) in enumerate(e for e in step if e[1] is not None)}


def _shape(step: _Step) -> list[tuple[int, bool]]:
    """The size of each block that the step takes, and whether it frees it itself."""
    freed = {number for number, size in step if size is None}
    return [(size, number in freed) for number, size in step if size is not None]
