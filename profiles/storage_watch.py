"""Follows every tensor's storage from its making to its end, without looking at values."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from torch import Tensor, UntypedStorage
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from profiles.operator_temporaries import temporary_bytes


class Allocator(Protocol):
    """Where tensors are put, and from where they are freed."""

    def allocate(self, size: int) -> Any:
        """A new block of ``size`` bytes."""

    def free(self, places: Any) -> None:
        """Free what :meth:`allocate` gave."""


class StorageWatch(TorchDispatchMode):
    """While it is active, the bytes that tensors on devices of the kind ``device`` hold: ``held``
    now and ``peak`` when they were the most, by use. ``allocator`` is told to put them somewhere.

    A storage belongs to ``use`` as that is when it is made, until :meth:`belong` says otherwise.
    Views share their storage. What an operator allocates and frees within itself is seen as far as
    :func:`~profiles.operator_temporaries.temporary_bytes` knows it.
    """

    def __init__(self, use: str, allocator: Allocator, device: str = "cpu") -> None:
        super().__init__()
        self.use = use
        self.held: dict[str, int] = {use: 0}
        self.peak: Mapping[str, int] = {}
        self._allocator, self._device = allocator, device
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
        """Call ``func``, and look at the tensors that it returns and at what it needed beside."""
        returned = func(*args, **(kwargs or {}))
        self.see(returned)
        if sizes := temporary_bytes(func, args):
            self._pass_by(sizes)
        return returned

    def see(self, tensors: Any) -> None:
        """Count the storages of all ``tensors``, nested in any way, that are not known."""
        for tensor in self._here(tensors):
            self._count(tensor.untyped_storage())

    def belong(self, tensors: Any, use: str) -> None:
        """From now on the storages of ``tensors`` are held for ``use``."""
        self.see(tensors)
        for tensor in self._here(tensors):
            key = id(tensor.untyped_storage())
            moved = self._known[key][1]
            self.held[self._use_of[key]] -= moved
            self.held[use] = self.held.get(use, 0) + moved
            self._use_of[key] = use

    def hold(self, size: int, use: str) -> None:
        """Count ``size`` bytes for ``use`` that are no tensor's and never freed."""
        self._allocator.allocate(size)
        self._add(size, use)

    def _here(self, tensors: Any) -> list[Tensor]:
        found = [leaf for leaf in tree_leaves(tensors) if isinstance(leaf, Tensor)]
        return [tensor for tensor in found if tensor.device.type == self._device]

    def _pass_by(self, sizes: tuple[int, ...]) -> None:
        """Blocks of ``sizes`` that are there for a moment."""
        places = [self._allocator.allocate(size) for size in sizes]
        self._look(sum(sizes))
        for place in places:
            self._allocator.free(place)

    def _count(self, storage: UntypedStorage) -> None:
        key, size = id(storage), storage.nbytes()
        if key in self._known:
            return
        places = self._allocator.allocate(size)

        def ended(_: object) -> None:
            self._allocator.free(places)
            self.held[self._use_of.pop(key)] -= size
            self._total -= size
            del self._known[key]

        self._known[key] = weakref.ref(storage, ended), size
        self._use_of[key] = self.use
        self._add(size, self.use)

    def _add(self, size: int, use: str) -> None:
        self.held[use] = self.held.get(use, 0) + size
        self._total += size
        self._look(0)

    def _look(self, passing: int) -> None:
        """Whether what is held, and ``passing`` bytes beside it, is the most so far."""
        if self._total + passing >= self._peak_total:  # the last time, when all is known
            self._peak_total, self.peak = self._total + passing, dict(self.held)
            if passing:
                self.peak = {**self.held, self.use: self.held.get(self.use, 0) + passing}
