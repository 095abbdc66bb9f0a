"""Optimizers for embedding tables that touch only the rows of the batch.

Repeated ids are summed without a sort and without knowing how many differ, so shapes are static
and nothing is read back: one position of each id represents it (whichever wrote its number last),
gradients are added up at the representatives, and every position takes its representative's sum.
Positions of one id then compute the same new row, and it does not matter which is written last.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor


class RowOptimizer(ABC):
    """Updates ``table`` [rows, dim] in place."""

    def __init__(self, table: Tensor, lr: float) -> None:
        self.table, self.lr = table, lr

    @abstractmethod
    def step(self, ids: Tensor, row_gradients: Tensor) -> None:
        """One step from the gradients [n, dim] at rows ``ids`` (int64, [n], repeats add up)."""

    @property
    def state_bytes(self) -> int:
        """What it holds besides the table, scratch included."""
        return sum(held.nbytes for held in vars(self).values() if isinstance(held, Tensor)) - (
            self.table.nbytes
        )


class RowSGD(RowOptimizer):
    """row <- row - lr * gradient; as ``torch.optim.SGD`` on a sparse gradient."""

    @torch.no_grad()
    def step(self, ids: Tensor, row_gradients: Tensor) -> None:
        self.table.scatter_add_(0, _along_rows(ids, self.table), row_gradients * -self.lr)


class _Summing(RowOptimizer):
    """One that needs each row's whole gradient at once."""

    def __init__(self, table: Tensor, lr: float) -> None:
        super().__init__(table, lr)
        self._representative = torch.zeros(len(table), dtype=torch.int32, device=table.device)
        self._positions = torch.arange(0, dtype=torch.int32, device=table.device)

    def _summed(self, ids: Tensor, row_gradients: Tensor) -> Tensor:
        """At every position the sum of the gradients of its id, [n, dim]."""
        if len(self._positions) != len(ids):
            self._positions = torch.arange(len(ids), dtype=torch.int32, device=ids.device)
        self._representative.scatter_(0, ids, self._positions)
        segments = self._representative.index_select(0, ids).long()
        sums = torch.zeros_like(row_gradients)
        sums.scatter_add_(0, _along_rows(segments, sums), row_gradients)
        return sums.index_select(0, segments)


class RowAdagrad(_Summing):
    """``torch.optim.Adagrad`` on a sparse gradient: state += g², row -= lr * g / (√state + ε)."""

    EPSILON = 1e-10

    def __init__(self, table: Tensor, lr: float) -> None:
        super().__init__(table, lr)
        self._squares = torch.zeros_like(table)

    @torch.no_grad()
    def step(self, ids: Tensor, row_gradients: Tensor) -> None:
        gradient = self._summed(ids, row_gradients)
        squares = self._squares.index_select(0, ids).addcmul_(gradient, gradient)
        self._squares.index_copy_(0, ids, squares)
        rows = self.table.index_select(0, ids)
        rows.addcdiv_(gradient, squares.sqrt_().add_(self.EPSILON), value=-self.lr)
        self.table.index_copy_(0, ids, rows)


class RowAdam(_Summing):
    """``torch.optim.SparseAdam``: the moments of a row that is not in the batch stay as they are,
    and ε is added before the correction of bias."""

    BETAS = (0.9, 0.999)
    EPSILON = 1e-8

    def __init__(self, table: Tensor, lr: float) -> None:
        super().__init__(table, lr)
        self._first, self._second = torch.zeros_like(table), torch.zeros_like(table)
        self._steps = torch.zeros((), dtype=torch.float64, device=table.device)

    @torch.no_grad()
    def step(self, ids: Tensor, row_gradients: Tensor) -> None:
        gradient = self._summed(ids, row_gradients)
        first_beta, second_beta = self.BETAS
        first = self._first.index_select(0, ids).lerp_(gradient, 1.0 - first_beta)
        second = self._second.index_select(0, ids).mul_(second_beta)
        second.addcmul_(gradient, gradient, value=1.0 - second_beta)
        self._first.index_copy_(0, ids, first)
        self._second.index_copy_(0, ids, second)
        self._steps.add_(1.0)
        size = (1.0 - second_beta**self._steps).sqrt_() / (1.0 - first_beta**self._steps)
        rows = self.table.index_select(0, ids)
        rows.addcdiv_(first.mul_(size * -self.lr), second.sqrt_().add_(self.EPSILON))
        self.table.index_copy_(0, ids, rows)


def make_row_optimizer(kind: str, table: Tensor, lr: float) -> RowOptimizer:
    """``sgd``, ``adagrad`` or ``adam`` for ``table``."""
    kinds: dict[str, type[RowOptimizer]] = {
        "sgd": RowSGD,
        "adagrad": RowAdagrad,
        "adam": RowAdam,
    }
    return kinds[kind](table, lr)


def _along_rows(ids: Tensor, rows: Tensor) -> Tensor:
    """``ids`` for a scatter of whole rows: on the CPU several times as fast as ``index_add_``."""
    return ids.unsqueeze(1).expand(-1, rows.shape[1])
