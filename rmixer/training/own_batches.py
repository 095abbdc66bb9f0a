"""A user's batches without an end, and a job's place in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch

from rmixer.errors import RunFailed
from rmixer.training.process_generators import generators_state, set_generators
from rmixer.training.user_code import UserCode

_END = object()


class OwnBatches:
    """A user's batches, restarted whenever they end.

    A place in them is a pass and the number of its batches taken. To find it again the pass is
    started with the generators in their former state, and its batches are taken again and thrown
    away. If ``batches`` has ``state_dict`` and ``load_state_dict``, these are used instead.
    """

    def __init__(self, batches: Iterable[Any], model: str, device: torch.device) -> None:
        self._batches, self._model, self._device = batches, model, device
        self._given = self._taken = 0
        self._began: dict[str, Any] | None = None  # generators at the start of a later pass
        with UserCode():
            self._iterator: Iterator[Any] | None = iter(batches)

    @property
    def length(self) -> int | None:
        """The number of batches in a pass; None if it is unknown."""
        try:
            with UserCode():
                return len(self._batches) or None  # type: ignore[arg-type]
        except Exception:  # they have no length, or one that is not known before the pass
            return None

    @property
    def given(self) -> int:
        """The number of batches given, in this process and before the checkpoint it resumes
        from."""
        return self._given

    def next(self) -> Any:
        """The next batch."""
        with UserCode():
            batch = next(self._iterator, _END) if self._iterator is not None else _END
            if batch is _END:
                self._iterator = None  # workers of its own end before others start
                self._began, self._taken = self._generators(), 0
                self._iterator = iter(self._batches)
                batch = next(self._iterator, _END)
        if batch is _END:
            raise RunFailed(self._explained())
        self._given += 1
        self._taken += 1
        return batch

    def state(self) -> dict[str, Any]:
        """The place, as tensors and plain values."""
        if _keeps_place(self._batches):
            with UserCode():
                place: Any = self._batches.state_dict()  # type: ignore[attr-defined]
            return {"given": self._given, "place": place}
        return {"given": self._given, "taken": self._taken, "began": self._began}

    def load_state(self, state: dict[str, Any]) -> None:
        """Goes to the place of :meth:`state`. Call it before any batch is taken. It changes the
        process's generators."""
        with UserCode():
            if "place" in state:
                self._iterator = None
                self._batches.load_state_dict(state["place"])  # type: ignore[attr-defined]
                self._iterator = iter(self._batches)
            else:
                self._find(state["taken"], state["began"])
        self._given = state["given"]

    def _find(self, taken: int, began: dict[str, Any] | None) -> None:
        # A first pass has begun already, as it did in the job: with what seeds every build.
        if began is not None:
            self._iterator = None
            self._set_generators(began)
            self._iterator = iter(self._batches)
        assert self._iterator is not None
        for number in range(taken):
            if next(self._iterator, _END) is _END:
                raise RunFailed(
                    f"{self._model}: batches gave {number} when started again, and {taken} had "
                    "been taken of this pass: the data are other ones, or batches that do not "
                    "begin anew need state_dict and load_state_dict"
                )
        self._taken, self._began = taken, began

    def _generators(self) -> dict[str, Any]:
        if isinstance(self._batches, (list, tuple)):  # they draw nothing
            return {}
        own = [generator.get_state() for generator in _generators_of(self._batches)]
        return {"process": generators_state(self._device), "own": own}

    def _set_generators(self, began: dict[str, Any]) -> None:
        if began:
            set_generators(began["process"], self._device)
            for generator, held in zip(_generators_of(self._batches), began["own"], strict=True):
                generator.set_state(held)

    def _explained(self) -> str:
        if not self._given:
            return f"{self._model}: batches has no batch (is the data smaller than one?)"
        return (
            f"{self._model}: batches ended after {self._given} and had none when started again: "
            "an iterator gives its batches once. Give what can be started again (a list, a "
            "DataLoader, an object with __iter__), or an iterator that never ends"
        )


def _keeps_place(batches: Any) -> bool:
    return hasattr(batches, "state_dict") and hasattr(batches, "load_state_dict")


def _generators_of(batches: Any) -> list[torch.Generator]:
    """The generators that set the order of a DataLoader or a similar object."""
    holders = [batches]
    for name in ("batch_sampler", "sampler"):
        holders += [getattr(holder, name, None) for holder in tuple(holders)]
    found = [getattr(holder, "generator", None) for holder in holders]
    kept = {id(each): each for each in found if isinstance(each, torch.Generator)}
    return list(kept.values())
