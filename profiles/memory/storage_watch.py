"""Follows every tensor's storage from its creation to its end, without looking at values."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, UntypedStorage
from torch._prims_common import is_non_overlapping_and_dense_or_false
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from profiles.memory.operator_temporaries import temporary_bytes

_WRAPPERS = ("torch._compile", "torch._dynamo.")
"""Modules that wrap a mode's own method, to keep the compiler away from it."""


class Allocator(Protocol):
    """Places tensors in memory and frees them."""

    def allocate(self, size: int) -> Any:
        """Takes a new block of ``size`` bytes."""

    def free(self, places: Any) -> None:
        """Frees the result of :meth:`allocate`."""


class StorageWatch(TorchDispatchMode):
    """While it is active, counts the bytes of tensors on devices of the kind ``device``: ``held``
    now and ``peak`` at their maximum, by use. ``allocator`` gets all allocations.

    A storage belongs to ``use`` at the time of its creation, until :meth:`belong` changes that.
    Views share their storage. When a second gradient of a tensor comes, autograd adds it to the
    first in place if nothing else needs that; a mode sees a sum besides both. Such a sum is not
    counted at once: if the first ends before anything else happens, the sum takes its place
    (torch/csrc/autograd/input_buffer.cpp, ``can_accumulate_inplace``). The few sums within torch's
    own derivatives, as of ``var_mean``, look the same. Memory that an operator allocates and frees
    within itself is counted if ``temporaries`` knows it.
    """

    def __init__(
        self,
        use: str,
        allocator: Allocator,
        device: str = "cpu",
        temporaries: Callable[[Any, tuple[Any, ...]], tuple[int, ...]] = temporary_bytes,
    ) -> None:
        super().__init__()
        self.use = use
        self.held: dict[str, int] = {use: 0}
        self.peak: Mapping[str, int] = {}
        self._allocator, self._device, self._temporaries = allocator, device, temporaries
        self._total = self._peak_total = 0
        self._known: dict[int, tuple[weakref.ref[UntypedStorage], int]] = {}
        self._use_of: dict[int, str] = {}
        self._sum: tuple[UntypedStorage, int] | None = None

    def __torch_dispatch__(
        self,
        func: Any,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Calls ``func``, and counts the tensors that it returns and its temporary memory."""
        if func.namespace == "prim":  # asks for a device
            return func(*args, **(kwargs or {}))
        self._end_sum()
        returned = func(*args, **(kwargs or {}))
        if self._here(returned) and _is_sum_of_gradients(func) and _can_be_added_to(args[0]):
            self._sum = returned.untyped_storage(), id(args[0].untyped_storage())
            return returned
        self.see(returned)
        if self._here(args[:1]) and (sizes := self._temporaries(func, args)):
            self._pass_by(sizes)
        return returned

    def see(self, tensors: Any) -> None:
        """Counts the storages of all ``tensors``, nested in any way, that are not known."""
        self._end_sum()
        for tensor in self._here(tensors):
            self._count(tensor.untyped_storage())

    def belong(self, tensors: Any, use: str) -> None:
        """Assigns the storages of ``tensors`` to ``use`` from now on."""
        self.see(tensors)
        for tensor in self._here(tensors):
            key = id(tensor.untyped_storage())
            moved = self._known[key][1]
            self.held[self._use_of[key]] -= moved
            self.held[use] = self.held.get(use, 0) + moved
            self._use_of[key] = use

    def hold(self, size: int, use: str) -> None:
        """Counts ``size`` bytes for ``use`` that belong to no tensor and are never freed."""
        self._allocator.allocate(size)
        self._add(size, use)

    def _here(self, tensors: Any) -> list[Tensor]:
        found = [leaf for leaf in tree_leaves(tensors) if isinstance(leaf, Tensor)]
        return [tensor for tensor in found if tensor.device.type == self._device]

    def _pass_by(self, sizes: tuple[int, ...]) -> None:
        """Counts blocks of ``sizes`` that exist for a moment."""
        places = [self._allocator.allocate(size) for size in sizes]
        self._look(sum(sizes))
        for place in places:
            self._allocator.free(place)

    def _count(self, storage: UntypedStorage) -> None:
        key, size = id(storage), storage.nbytes()
        if key in self._known:
            return
        self._follow(storage, self._allocator.allocate(size), self.use)
        self._add(size, self.use)

    def _follow(self, storage: UntypedStorage, places: Any, use: str) -> None:
        """Frees ``places`` when ``storage``, held for ``use``, ends."""
        key, size = id(storage), storage.nbytes()

        def ended(_: object) -> None:
            if self._sum and (key != self._sum[1] or self._sum[0].nbytes() != size):
                self._end_sum()
            held_for = self._use_of.pop(key)
            del self._known[key]
            if self._sum:
                (added, _), self._sum = self._sum, None
                self._follow(added, places, held_for)
                return
            self._allocator.free(places)
            self.held[held_for] -= size
            self._total -= size

        self._known[key] = weakref.ref(storage, ended), size
        self._use_of[key] = use

    def _end_sum(self) -> None:
        """Counts the last sum of gradients if it lies besides both."""
        if self._sum:
            (added, _), self._sum = self._sum, None
            self._count(added)

    def _add(self, size: int, use: str) -> None:
        self.held[use] = self.held.get(use, 0) + size
        self._total += size
        self._look(0)

    def _look(self, passing: int) -> None:
        """Updates the peak with the bytes held and ``passing`` bytes."""
        if self._total + passing >= self._peak_total:  # the last time, when all is known
            self._peak_total, self.peak = self._total + passing, dict(self.held)
            if passing:
                self.peak = {**self.held, self.use: self.held.get(self.use, 0) + passing}


def _can_be_added_to(gradient: Tensor) -> bool:
    """True if a gradient fulfils autograd's conditions, but for other users of it."""
    dense = is_non_overlapping_and_dense_or_false(gradient)
    return not torch.is_grad_enabled() and not gradient._is_view() and dense


def _is_sum_of_gradients(func: Any) -> bool:
    """True if ``func``, which a mode is given, adds, and autograd's engine called it directly."""
    if func is not torch.ops.aten.add.Tensor:
        return False
    frame = sys._getframe(1)
    while frame.f_back and (
        frame.f_code.co_name == "__torch_dispatch__"
        or frame.f_globals["__name__"].startswith(_WRAPPERS)
    ):
        frame = frame.f_back
    return frame.f_code.co_name == "_engine_run_backward"
