"""Counts the samples in batches of a user's own model, and refuses wrong sizes."""

from __future__ import annotations

from typing import Any

from rmixer.errors import RunFailed
from rmixer.training.nested import tensors_in


class WrongBatchSize(RunFailed):
    """A batch has another number of samples than its job."""


class SampleCount:
    """Counts the samples of a job's batches, which have ``batch`` samples each; the last of a pass
    may have fewer.

    A batch has ``batch`` samples if a tensor in it has as many rows, or one more (offsets of ragged
    values). The samples of a smaller one are counted by those tensors that had the right number
    before.
    """

    def __init__(self, batch: int, model: str) -> None:
        self._batch, self._model = batch, model
        self._telling: list[tuple[int, int]] = []  # places of tensors, and rows beyond the samples
        self.total = 0
        self.fewest: int | None = None

    def add(self, batch: Any, number: int) -> None:
        """Counts ``batch``, the job's ``number``-th. Raises :class:`WrongBatchSize`."""
        rows = [tensor.shape[0] if tensor.dim() else None for tensor in tensors_in(batch)]
        samples = self._samples(rows, number)
        if samples is None:
            raise WrongBatchSize(self._explained(batch, rows, number))
        self.total += samples
        if samples < self._batch:
            self.fewest = min(samples, self.fewest or samples)

    def state(self) -> dict[str, Any]:
        """The count so far, as plain values."""
        return {"total": self.total, "telling": [list(each) for each in self._telling]}

    def load_state(self, state: dict[str, Any]) -> None:
        """Restores the result of :meth:`state`."""
        self.total = state["total"]
        self._telling = [(place, more) for place, more in state["telling"]]

    def _samples(self, rows: list[int | None], number: int) -> int | None:
        telling = [
            (place, more)
            for place, count in enumerate(rows)
            for more in (0, 1)
            if count == self._batch + more
        ]
        if telling:
            self._telling = [each for each in telling if each in self._telling] or telling
            return self._batch
        if number == 1:
            return None
        found = [(rows[place] or 0) - more for place, more in self._telling if place < len(rows)]
        samples = min(found, default=0)
        return samples if 0 < samples < self._batch else None

    def _explained(self, batch: Any, rows: list[int | None], number: int) -> str:
        if not rows:
            return (
                f"{self._model}: batch {number} is a {type(batch).__name__} without tensors; "
                "allowed: a tensor, or tuples, lists and dicts of tensors"
            )
        sizes = ", ".join(str(count) for count in dict.fromkeys(rows) if count is not None)
        return (
            f"{self._model}: job.batch is {self._batch}, and the tensors of batch {number} have "
            f"{sizes or 'no'} rows: build must make its batches of job.batch samples, or of fewer "
            "where a pass ends"
        )
