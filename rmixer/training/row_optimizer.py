"""The base of the optimizers of embedding tables: they touch only the rows of the batch.

Positions of a batch that name one row are grouped and their gradients added up, without knowing how
many rows differ, so shapes are static and nothing is read back. On the CPU rows are then updated in
chunks that stay in a cache; a chunk beyond the last row is one unchanged row. On a GPU, where each
chunk would cost a dozen launches, all are one chunk.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from rmixer.training.row_groups import RowGroups, group_rows
from rmixer.training.table_rows import read_rows

CHUNK_BYTES = 1 << 20


class RowOptimizer(ABC):
    """Updates ``table`` [rows, dim] in place. ``grouped``: its step needs the groups of ids."""

    grouped: ClassVar = True
    weight_decay = 0.0

    def __init__(self, table: Tensor, lr: float) -> None:
        self.table, self.lr = table, lr

    @torch.no_grad()
    def step(self, ids: Tensor, row_gradients: Tensor, groups: RowGroups | None = None) -> None:
        """Does one step from the gradients [n, dim] at rows ``ids`` (int64, [n], repeats add up).
        ``groups`` are those of ``ids``, if they are known already."""
        groups = groups or group_rows(ids)
        self.begin_step()
        self.update(groups, groups.sums(row_gradients.contiguous()))

    def begin_step(self) -> None:  # noqa: B027  most have nothing to count
        """Begins a step; called once in a step, before :meth:`update`."""

    @torch.no_grad()
    def update(self, groups: RowGroups, gradient: Tensor) -> None:
        """Updates the rows of ``groups`` by their whole gradients [most, dim]. A step may do so for
        one part of its rows after another."""
        most, dim = gradient.shape
        chunk = max(1, CHUNK_BYTES // (4 * dim) if gradient.device.type == "cpu" else most)
        position = torch.arange(most, device=gradient.device)
        for start in range(0, most, chunk):
            # The last row fills up its chunk with itself; a chunk beyond it has its first place,
            # an empty group, and is not active.
            chosen = position[start : start + chunk].clamp(max=groups.last.clamp(min=start))
            active = (groups.last >= start).to(gradient.dtype)
            ids = groups.ids.index_select(0, chosen)
            self._update_rows(ids, read_rows(gradient, chosen), active)

    def _decayed(self, ids: Tensor, gradient: Tensor, active: Tensor) -> Tensor:
        """``gradient`` and the share of the rows that ``weight_decay`` adds to it."""
        if not self.weight_decay:
            return gradient
        return gradient + read_rows(self.table, ids) * (active * self.weight_decay)

    @abstractmethod
    def _update_rows(self, ids: Tensor, gradient: Tensor, active: Tensor) -> None:
        """Updates rows ``ids`` [n] by ``gradient`` [n, dim], which may be overwritten. If
        ``active`` (no dimension) is 0 and not 1, the gradient is 0 and nothing may change."""

    @property
    def state(self) -> list[Tensor]:
        """The tensors that it holds besides the table."""
        held = (value for name, value in vars(self).items() if name != "table")
        return [value for value in held if isinstance(value, Tensor)]
