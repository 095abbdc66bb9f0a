"""Optimizers for embedding tables that touch only the rows of the batch.

Repeated ids are summed without a sort and without knowing how many differ, so shapes are static
and nothing is read back: one position of each id represents it (whichever wrote its number last),
gradients are added up at the representatives, and every position takes its representative's sum.
Positions of one id then compute the same new row, and it does not matter which is written last.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor

from rmixer.training.table_rows import add_to_rows, read_rows, write_rows

_SETTINGS = {
    "sgd": (),
    "adagrad": ("epsilon", "initial_accumulator"),
    "rowwise_adagrad": ("epsilon", "initial_accumulator"),
    "adam": ("betas", "epsilon"),
    "adamw": ("betas", "epsilon", "weight_decay"),
}
OPTIMIZER_KINDS = tuple(_SETTINGS)


class RowOptimizer(ABC):
    """Updates ``table`` [rows, dim] in place.

    One with ``idle_at_zero`` leaves a row and its state as they are where the gradient is zero,
    and has an ``update`` that a step may call for one part of its rows after another.
    """

    idle_at_zero: ClassVar[bool] = False

    def __init__(self, table: Tensor, lr: float) -> None:
        self.table, self.lr = table, lr

    @abstractmethod
    def step(self, ids: Tensor, row_gradients: Tensor) -> None:
        """One step from the gradients [n, dim] at rows ``ids`` (int64, [n], repeats add up)."""

    def update(self, ids: Tensor, gradient: Tensor) -> None:
        """The part of a step that is of rows ``ids`` [n], with their whole gradients [n, dim];
        an id may repeat if its gradient does."""
        raise NotImplementedError(f"{type(self).__name__} updates all rows of a step at once")

    @property
    def state_bytes(self) -> int:
        """What it holds besides the table, scratch included."""
        return sum(held.nbytes for held in vars(self).values() if isinstance(held, Tensor)) - (
            self.table.nbytes
        )


class RowSGD(RowOptimizer):
    """row <- row - lr * gradient; as ``torch.optim.SGD`` on a sparse gradient."""

    idle_at_zero = True

    @torch.no_grad()
    def step(self, ids: Tensor, row_gradients: Tensor) -> None:
        add_to_rows(self.table, ids, row_gradients * -self.lr)

    @torch.no_grad()
    def update(self, ids: Tensor, gradient: Tensor) -> None:
        write_rows(self.table, ids, read_rows(self.table, ids).add_(gradient, alpha=-self.lr))


class _Summing(RowOptimizer):
    """One that needs each row's whole gradient at once."""

    def __init__(self, table: Tensor, lr: float) -> None:
        super().__init__(table, lr)
        self._representative = torch.zeros(len(table), dtype=torch.int32, device=table.device)
        self._positions = torch.arange(0, dtype=torch.int32, device=table.device)

    def _summed(self, ids: Tensor, row_gradients: Tensor) -> Tensor:
        """At every position the sum of the gradients of its id, [n, dim], free to overwrite."""
        if len(self._positions) != len(ids):
            self._positions = torch.arange(len(ids), dtype=torch.int32, device=ids.device)
        self._representative.scatter_(0, ids, self._positions)
        segments = self._representative.index_select(0, ids).long()
        sums = torch.zeros_like(row_gradients, memory_format=torch.contiguous_format)
        add_to_rows(sums, segments, row_gradients)
        return read_rows(sums, segments)


class RowAdagrad(_Summing):
    """``torch.optim.Adagrad`` on a sparse gradient: state += g², row -= lr * g / (√state + ε)."""

    idle_at_zero = True

    def __init__(
        self, table: Tensor, lr: float, epsilon: float = 1e-10, initial_accumulator: float = 0.0
    ) -> None:
        super().__init__(table, lr)
        self.epsilon = epsilon
        self._squares = self._state(table, initial_accumulator)

    @torch.no_grad()
    def step(self, ids: Tensor, row_gradients: Tensor) -> None:
        self.update(ids, self._summed(ids, row_gradients))

    @torch.no_grad()
    def update(self, ids: Tensor, gradient: Tensor) -> None:
        squares = self._accumulate(read_rows(self._squares, ids), gradient)
        write_rows(self._squares, ids, squares)
        rows = read_rows(self.table, ids)
        rows.addcdiv_(gradient, squares.sqrt_().add_(self.epsilon), value=-self.lr)
        write_rows(self.table, ids, rows)

    def _state(self, table: Tensor, initial: float) -> Tensor:
        return torch.full_like(table, initial, memory_format=torch.contiguous_format)

    def _accumulate(self, squares: Tensor, gradient: Tensor) -> Tensor:
        return squares.addcmul_(gradient, gradient)


class RowwiseAdagrad(RowAdagrad):
    """Adagrad with one number of state a row: state += mean of g² over the dimension, as
    ``EXACT_ROWWISE_ADAGRAD`` of FBGEMM and ``RWSAdagrad`` of facebookresearch/dlrm."""

    def _state(self, table: Tensor, initial: float) -> Tensor:
        return torch.full_like(table[:, :1], initial, memory_format=torch.contiguous_format)

    def _accumulate(self, squares: Tensor, gradient: Tensor) -> Tensor:
        return squares.add_(gradient.square().mean(1, keepdim=True))


class RowAdam(_Summing):
    """``torch.optim.SparseAdam``: the moments of a row that is not in the batch stay as they are,
    and ε is added before the correction of bias. ``weight_decay`` > 0 first shrinks each row of
    the batch, once, by lr * weight_decay, as ``torch.optim.AdamW`` does with all rows."""

    def __init__(
        self,
        table: Tensor,
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(table, lr)
        self.betas, self.epsilon, self.weight_decay = betas, epsilon, weight_decay
        # Both moments of a row side by side: its second one is then no second cache miss.
        rows, dim = table.shape
        self._moments = torch.zeros(rows, 2 * dim, dtype=table.dtype, device=table.device)
        self._steps = torch.zeros((), dtype=torch.float64, device=table.device)

    @torch.no_grad()
    def step(self, ids: Tensor, row_gradients: Tensor) -> None:
        dim = self.table.shape[1]
        gradient = self._summed(ids, row_gradients)
        moments = read_rows(self._moments, ids)
        first = moments[:, :dim].lerp(gradient, 1.0 - self.betas[0])
        second = moments[:, dim:].lerp(gradient.square_(), 1.0 - self.betas[1])
        write_rows(self._moments[:, :dim], ids, first)
        write_rows(self._moments[:, dim:], ids, second)
        rows = read_rows(self.table, ids)
        if self.weight_decay:
            rows.mul_(1.0 - self.lr * self.weight_decay)
        rows.addcdiv_(first.mul_(self._next_size()), second.sqrt_().add_(self.epsilon))
        write_rows(self.table, ids, rows)

    def _next_size(self) -> Tensor:
        """Of this step, with the correction of both moments' bias; counts the step."""
        self._steps.add_(1.0)
        first_bias, second_bias = (1.0 - beta**self._steps for beta in self.betas)
        return second_bias.sqrt_().div_(first_bias).mul_(-self.lr)


def make_row_optimizer(kind: str, table: Tensor, lr: float, **settings: Any) -> RowOptimizer:
    """The optimizer ``kind`` for ``table`` [rows, dim], which it updates in place.

    Settings and their defaults are torch's: ``epsilon`` and ``initial_accumulator`` of both
    Adagrads, ``betas`` and ``epsilon`` of Adam and AdamW, ``weight_decay`` of AdamW. Raises
    :class:`ValueError` for an unknown kind or a setting that the kind does not have.
    """
    check_settings(kind, settings)
    kinds: dict[str, Callable[..., RowOptimizer]] = {
        "sgd": RowSGD,
        "adagrad": RowAdagrad,
        "rowwise_adagrad": RowwiseAdagrad,
        "adam": RowAdam,
        "adamw": partial(RowAdam, weight_decay=0.01),
    }
    return kinds[kind](table, lr, **settings)


def check_settings(kind: str, settings: Mapping[str, Any]) -> None:
    """Raises :class:`ValueError` unless ``kind`` is known and has all of ``settings``."""
    if kind not in _SETTINGS:
        raise ValueError(f"optimizer {kind!r} is none of {', '.join(_SETTINGS)}")
    for name in settings:
        if name not in _SETTINGS[kind]:
            has = ", ".join(_SETTINGS[kind]) or "none"
            raise ValueError(f"optimizer {kind!r} has no setting {name!r}; its settings: {has}")
