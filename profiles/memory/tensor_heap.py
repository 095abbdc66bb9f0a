"""A worker's heap on the CPU: tensors, and beside each the small objects that it is made of."""

from __future__ import annotations

from profiles.memory.best_fit import BestFit

ALIGNMENT = 64
"""Of torch's tensors on the CPU."""
BEFORE_BYTES, AFTER_BYTES = (96,), (176, 24)
"""What torch 2.13 was seen to ask malloc for around the data of a new tensor: its storage's object
before, then the tensor's and its graph's. They decide which gaps between large blocks stay whole.
"""


class TensorHeap:
    """Where glibc would put the data and the objects of tensors; ``peak_bytes`` is the furthest
    that the heap reached."""

    def __init__(self) -> None:
        self._heap = BestFit()

    @property
    def peak_bytes(self) -> int:
        """The furthest that the heap reached."""
        return self._heap.peak_bytes

    def allocate(self, size: int) -> tuple[int, ...]:
        """The places of a tensor of ``size`` bytes, to be freed by them."""
        before = [self._heap.allocate(part) for part in BEFORE_BYTES]
        data = [self._heap.allocate(size, ALIGNMENT)] if size else []
        return (*before, *data, *(self._heap.allocate(part) for part in AFTER_BYTES))

    def free(self, places: tuple[int, ...]) -> None:
        """Free what :meth:`allocate` put there."""
        for place in places:
            self._heap.free(place)
