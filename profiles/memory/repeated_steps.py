"""A worker's heap over a long run: the last watched step is repeated, block by block.

A heap grows for tens of steps: sometimes a large block finds no whole stretch, because something
small lies in it, and is put at the end. By then all steps are alike, so their effect on the heap
can be repeated without their tensors.
"""

from __future__ import annotations

from profiles.memory.tensor_heap import TensorHeap

LONG_RUN_STEPS = 100
"""The number of steps after which a heap hardly grows."""
MOST_BLOCKS = 100_000
"""Blocks that are placed again, a second's work: a step of thousands of blocks is repeated less
often."""

_Places = tuple[int, ...]


class RepeatedSteps:
    """A :class:`TensorHeap` that learns where steps begin and, after at least three, can
    :meth:`go_on`. ``peak_bytes`` is its largest extent."""

    def __init__(self) -> None:
        self._heap = TensorHeap()
        self._places: dict[int, _Places] = {}
        self._count = 0
        self._steps: list[list[tuple[int, int | None]]] = [[]]

    @property
    def peak_bytes(self) -> int:
        """The largest extent of the heap."""
        return self._heap.peak_bytes

    def allocate(self, size: int) -> int:
        """Takes a new block of ``size`` bytes and returns its number, by which it is freed."""
        self._count += 1
        self._places[self._count] = self._heap.allocate(size)
        self._steps[-1].append((self._count, size))
        return self._count

    def free(self, number: int) -> None:
        """Frees the block that :meth:`allocate` gave this ``number``."""
        self._heap.free(self._places.pop(number))
        self._steps[-1].append((number, None))

    def step_begins(self) -> None:
        """Marks the beginning of a new step."""
        self._steps.append([])

    def go_on(self) -> None:
        """Repeats the last step up to the hundredth, if those before it were like it. The blocks
        that it left are then those of the last repetition."""
        before, step = self._steps[-2:]
        born = {number: order for order, number in enumerate(_made(step))}
        inherited = {number: order for order, number in enumerate(_made(before))}
        freed = [number for number, size in step if size is None]
        alike = _sizes(before) == _sizes(step) and _passing(before) == _passing(step)
        if not (alike and all(number in born or number in inherited for number in freed)):
            return
        left = {born[number]: number for number in born if number in self._places}
        last = {order: self._places[number] for order, number in left.items()}
        repeats = min(LONG_RUN_STEPS - len(self._steps) + 1, MOST_BLOCKS // max(1, len(born)))
        for _ in range(repeats):
            now: dict[int, _Places] = {}
            for number, size in step:
                if size is not None:
                    now[born[number]] = self._heap.allocate(size)
                elif number in born:
                    self._heap.free(now.pop(born[number]))
                else:
                    self._heap.free(last.pop(inherited[number]))
            last |= now
        self._places |= {number: last[order] for order, number in left.items()}


def _made(step: list[tuple[int, int | None]]) -> list[int]:
    return [number for number, size in step if size is not None]


def _sizes(step: list[tuple[int, int | None]]) -> list[int]:
    return [size for _, size in step if size is not None]


def _passing(step: list[tuple[int, int | None]]) -> set[int]:
    """The blocks, by their order, that the step frees itself; the others stay."""
    freed = {number for number, size in step if size is None}
    return {order for order, number in enumerate(_made(step)) if number in freed}
