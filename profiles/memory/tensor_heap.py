"""A worker's heap on the CPU: tensors, and the small objects that belong to each."""

from __future__ import annotations

from profiles.memory.best_fit import BestFit

ALIGNMENT = 64
"""The alignment of torch's tensors on the CPU."""
BEFORE_BYTES, AFTER_BYTES = (96,), (176, 24)
"""Observed requests of torch 2.13 to malloc around the data of a new tensor: its storage's object
before, then the tensor's and its graph's. They decide which gaps between large blocks stay whole.
"""


class TensorHeap:
    """The places that glibc would give to the data and the objects of tensors; ``peak_bytes`` is
    the largest extent of the heap."""

    def __init__(self) -> None:
        self._heap = BestFit()

    @property
    def peak_bytes(self) -> int:
        """The largest extent of the heap."""
        return self._heap.peak_bytes

    def allocate(self, size: int) -> tuple[int, ...]:
        """The places of a tensor of ``size`` bytes, to be freed by them."""
        before = [self._heap.allocate(part) for part in BEFORE_BYTES]
        data = [self._heap.allocate(size, ALIGNMENT)] if size else []
        return (*before, *data, *(self._heap.allocate(part) for part in AFTER_BYTES))

    def free(self, places: tuple[int, ...]) -> None:
        """Frees the blocks that :meth:`allocate` put there."""
        for place in places:
            self._heap.free(place)
