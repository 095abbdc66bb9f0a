"""The optimizers of embedding tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from rmixer.training.row_groups import RowGroups
from rmixer.training.row_optimizer import RowOptimizer
from rmixer.training.table_rows import add_to_rows, read_rows, write_rows

_SETTINGS = {
    "sgd": ("momentum", "weight_decay"),
    "adagrad": ("epsilon", "initial_accumulator", "weight_decay"),
    "rowwise_adagrad": ("epsilon", "initial_accumulator", "weight_decay"),
    "adam": ("betas", "epsilon", "weight_decay"),
    "adamw": ("betas", "epsilon", "weight_decay"),
}
OPTIMIZER_KINDS = tuple(_SETTINGS)


class RowSGD(RowOptimizer):
    """row <- row - lr * gradient; as ``torch.optim.SGD`` on a sparse gradient, which adds up in
    the row itself."""

    grouped = False

    @torch.no_grad()
    def step(self, ids: Tensor, row_gradients: Tensor, groups: RowGroups | None = None) -> None:
        """Does one step; needs no groups."""
        add_to_rows(self.table, ids, row_gradients * -self.lr)

    def _update_rows(self, ids: Tensor, gradient: Tensor, active: Tensor) -> None:
        rows = read_rows(self.table, ids)
        write_rows(self.table, ids, rows.add_(gradient, alpha=-self.lr))


class RowMomentumSGD(RowOptimizer):
    """``torch.optim.SGD`` with ``momentum`` and ``weight_decay``, on the rows of the batch alone: g
    += weight_decay * row, velocity = momentum * velocity + g, row -= lr * velocity. The velocity of
    other rows does not change."""

    def __init__(
        self, table: Tensor, lr: float, momentum: float = 0.0, weight_decay: float = 0.0
    ) -> None:
        super().__init__(table, lr)
        self.momentum, self.weight_decay = momentum, weight_decay
        self._velocity = torch.zeros_like(table, memory_format=torch.contiguous_format)

    def _update_rows(self, ids: Tensor, gradient: Tensor, active: Tensor) -> None:
        gradient = self._decayed(ids, gradient, active)
        before = read_rows(self._velocity, ids)
        velocity = torch.where(active > 0, before * self.momentum + gradient, before)
        write_rows(self._velocity, ids, velocity)
        rows = read_rows(self.table, ids)
        write_rows(self.table, ids, rows.sub_(velocity.mul_(active * self.lr)))


class RowDecayedSGD(RowOptimizer):
    """``torch.optim.SGD`` with ``weight_decay`` on the rows of the batch alone:
    row -= lr * (g + weight_decay * row). It keeps no state."""

    def __init__(self, table: Tensor, lr: float, weight_decay: float) -> None:
        super().__init__(table, lr)
        self.weight_decay = weight_decay

    def _update_rows(self, ids: Tensor, gradient: Tensor, active: Tensor) -> None:
        gradient = self._decayed(ids, gradient, active)
        rows = read_rows(self.table, ids)
        write_rows(self.table, ids, rows.add_(gradient, alpha=-self.lr))


class RowAdagrad(RowOptimizer):
    """``torch.optim.Adagrad`` on a sparse gradient: state += g², row -= lr * g / (√state + ε).
    ``weight_decay`` first adds its share of the row to g, as torch does on a dense gradient."""

    def __init__(
        self,
        table: Tensor,
        lr: float,
        epsilon: float = 1e-10,
        initial_accumulator: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(table, lr)
        self.epsilon, self.weight_decay = epsilon, weight_decay
        self._squares = self._state(table, initial_accumulator)

    def _update_rows(self, ids: Tensor, gradient: Tensor, active: Tensor) -> None:
        gradient = self._decayed(ids, gradient, active)
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


class RowAdam(RowOptimizer):
    """``torch.optim.SparseAdam``: the moments of rows that are not in the batch do not change, and
    ε is added before the correction of bias. ``weight_decay`` > 0 adds its share of the row to the
    gradient, as ``torch.optim.Adam`` does with all rows."""

    decoupled: ClassVar = False

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
        self._size = torch.zeros((), dtype=torch.float64, device=table.device)

    @torch.no_grad()
    def begin_step(self) -> None:
        """Count the step, and correct its size for the bias of both moments."""
        self._steps.add_(1.0)
        first_bias, second_bias = (1.0 - beta**self._steps for beta in self.betas)
        self._size.copy_(second_bias.sqrt_().div_(first_bias).mul_(-self.lr))

    def _update_rows(self, ids: Tensor, gradient: Tensor, active: Tensor) -> None:
        dim = self.table.shape[1]
        if not self.decoupled:
            gradient = self._decayed(ids, gradient, active)
        first_weight, second_weight = (active * (1.0 - beta) for beta in self.betas)
        moments = read_rows(self._moments, ids)
        first = moments[:, :dim].lerp(gradient, first_weight)
        second = moments[:, dim:].lerp(gradient.square_(), second_weight)
        write_rows(self._moments[:, :dim], ids, first)
        write_rows(self._moments[:, dim:], ids, second)
        rows = read_rows(self.table, ids)
        if self.decoupled and self.weight_decay:
            rows.mul_(1.0 - active * (self.lr * self.weight_decay))
        rows.addcdiv_(first.mul_(self._size * active), second.sqrt_().add_(self.epsilon))
        write_rows(self.table, ids, rows)


class RowAdamW(RowAdam):
    """:class:`RowAdam` whose ``weight_decay`` first shrinks each row of the batch, once, by
    lr * weight_decay, as ``torch.optim.AdamW`` does with all rows."""

    decoupled = True

    def __init__(self, table: Tensor, lr: float, **settings: Any) -> None:
        super().__init__(table, lr, **{"weight_decay": 0.01, **settings})


def _row_sgd(table: Tensor, lr: float, momentum: float = 0.0, weight_decay: float = 0.0) -> Any:
    if momentum:
        return RowMomentumSGD(table, lr, momentum, weight_decay)
    return RowDecayedSGD(table, lr, weight_decay) if weight_decay else RowSGD(table, lr)


def make_row_optimizer(kind: str, table: Tensor, lr: float, **settings: Any) -> RowOptimizer:
    """The optimizer ``kind`` for ``table`` [rows, dim], which it updates in place.

    Settings and their defaults are torch's: ``weight_decay`` of all, ``momentum`` of SGD,
    ``epsilon`` and ``initial_accumulator`` of both Adagrads, ``betas`` and ``epsilon`` of Adam and
    AdamW. Raises :class:`ValueError` for an unknown kind or a setting that the kind does not have.
    """
    check_settings(kind, settings)
    kinds: dict[str, Callable[..., RowOptimizer]] = {
        "sgd": _row_sgd,
        "adagrad": RowAdagrad,
        "rowwise_adagrad": RowwiseAdagrad,
        "adam": RowAdam,
        "adamw": RowAdamW,
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
