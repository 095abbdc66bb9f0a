"""Batches of tensors from a data set's arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from rmixer.data.arrays import Arrays
from rmixer.data.hashing import mix64
from rmixer.errors import InputError


class Batches:
    """Batches of ``batch`` samples in a fixed order, contiguous slices of the arrays.

    ``seed`` chooses the first; after the last whole batch comes the first again, and a partial one
    is never given. With ``rows_cap``, ids are taken modulo the capped number of rows. ``names`` are
    the columns to load, all by default. ``whole`` is the number of whole batches, ``position`` the
    number of the next one; setting it lets a job go on where another one stopped.
    """

    def __init__(
        self,
        arrays: Arrays,
        batch: int,
        seed: int,
        rows_cap: int | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        self._arrays, self._batch, self._cap = arrays, batch, rows_cap
        self._names = tuple(arrays.columns) if names is None else tuple(names)
        self.whole = arrays.train_rows // batch
        if self.whole == 0:
            allowed = f"at most the {arrays.train_rows} samples there are for training"
            raise InputError("job", "batch", batch, allowed)
        first = mix64(np.array([seed], dtype=np.uint64))[0]
        self.position = int(first % np.uint64(self.whole))

    def next_batch(self) -> dict[str, Tensor]:
        """The next training batch: each column of shape [batch] or [batch, width]."""
        start = self.position * self._batch
        self.position = (self.position + 1) % self.whole
        return self._slice(start, start + self._batch)

    def blank(self) -> dict[str, Tensor]:
        """A batch of the shapes and types of all others, with 0 everywhere."""
        return {
            name: torch.zeros_like(values) for name, values in self._slice(0, self._batch).items()
        }

    def held_out(self, count: int, also: Sequence[str] = ()) -> Iterator[dict[str, Tensor]]:
        """The first ``count`` batches of the held-out part, fewer if it is shorter; its last
        batch may be partial. ``also`` are columns besides those that training loads."""
        first, end = self._arrays.train_rows, self._arrays.rows
        for start in range(first, min(first + count * self._batch, end), self._batch):
            yield self._slice(start, min(start + self._batch, end), also)

    def _slice(self, start: int, stop: int, also: Sequence[str] = ()) -> dict[str, Tensor]:
        batch = {}
        for name in (*self._names, *also):
            column = self._arrays.columns[name]
            values = self._arrays.values[name][start:stop].astype(column.loaded)
            if self._cap is not None and self._cap < column.most_rows:
                values %= self._cap
            batch[name] = torch.from_numpy(values)
        return batch
