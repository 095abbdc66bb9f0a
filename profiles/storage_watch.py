"""Follows every tensor's storage from its making to its end, without looking at values."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import Tensor, UntypedStorage
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from profiles.best_fit import BestFit

OBJECTS_BYTES = 400
"""Of a tensor's own objects and its part of the graph, made after its data and beside them."""


class StorageWatch(TorchDispatchMode):
    """While it is active, the bytes that tensors hold: ``held`` now and ``peak`` when they were the
    most, by use; ``heap`` is where an allocator would have put them.

    A storage belongs to ``use`` as that is when it is made, until :meth:`belong` says otherwise.
    Views share their storage. What a kernel allocates and frees inside one operator is not seen.
    """

    def __init__(self, use: str) -> None:
        super().__init__()
        self.use = use
        self.held: dict[str, int] = {use: 0}
        self.peak: Mapping[str, int] = {}
        self.heap = BestFit()
        self._total = self._peak_total = 0
        self._known: dict[int, tuple[weakref.ref[UntypedStorage], int]] = {}
        self._use_of: dict[int, str] = {}

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Call ``func`` and look at the tensors that it returns."""
        returned = func(*args, **(kwargs or {}))
        self.see(returned)
        return returned

    def see(self, tensors: Any) -> None:
        """Count the storages of all ``tensors``, nested in any way, that are not known."""
        for tensor in tree_leaves(tensors):
            if isinstance(tensor, Tensor):
                self._count(tensor.untyped_storage())

    def belong(self, tensors: Any, use: str) -> None:
        """From now on the storages of ``tensors`` are held for ``use``."""
        self.see(tensors)
        for tensor in tree_leaves(tensors):
            if isinstance(tensor, Tensor):
                key = id(tensor.untyped_storage())
                moved = self._known[key][1]
                self.held[self._use_of[key]] -= moved
                self.held[use] = self.held.get(use, 0) + moved
                self._use_of[key] = use

    def _count(self, storage: UntypedStorage) -> None:
        key, size = id(storage), storage.nbytes()
        if key in self._known:
            return
        places = self.heap.allocate(size), self.heap.allocate(OBJECTS_BYTES)

        def ended(_: object) -> None:
            for place in places:
                self.heap.free(place)
            self.held[self._use_of.pop(key)] -= size
            self._total -= size
            del self._known[key]

        self._known[key] = weakref.ref(storage, ended), size
        self._use_of[key] = self.use
        self.held[self.use] = self.held.get(self.use, 0) + size
        self._total += size
        if self._total >= self._peak_total:  # the last time, when all that lives on is known
            self._peak_total, self.peak = self._total, dict(self.held)
