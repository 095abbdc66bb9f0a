"""Optimizers for embedding tables that touch only the rows of the batch.

Positions of a batch that name one row are grouped and their gradients added up, without knowing
how many rows differ, so shapes are static and nothing is read back. On the CPU rows are then
updated in chunks that stay in a cache; a chunk beyond the last row changes nothing, on one row of
its own. On a GPU, where each chunk would cost a dozen launches, all are one chunk.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor

from rmixer.training.row_groups import RowGroups, group_rows
from rmixer.training.table_rows import add_to_rows, read_rows, write_rows

CHUNK_BYTES = 1 << 20

_SETTINGS = {
    "sgd": (),
    "adagrad": ("epsilon", "initial_accumulator"),
    "rowwise_adagrad": ("epsilon", "initial_accumulator"),
    "adam": ("betas", "epsilon"),
    "adamw": ("betas", "epsilon", "weight_decay"),
}
OPTIMIZER_KINDS = tuple(_SETTINGS)


class RowOptimizer(ABC):
    """Updates ``table`` [rows, dim] in place. ``grouped``: its step needs the groups of ids."""

    grouped: ClassVar = True

    def __init__(self, table: Tensor, lr: float) -> None:
        self.table, self.lr = table, lr

    @torch.no_grad()
    def step(self, ids: Tensor, row_gradients: Tensor, groups: RowGroups | None = None) -> None:
        """One step from the gradients [n, dim] at rows ``ids`` (int64, [n], repeats add up).
        ``groups`` are those of ``ids``, if they are known already."""
        groups = groups or group_rows(ids)
        self.begin_step()
        self.update(groups, groups.sums(row_gradients.contiguous()))

    def begin_step(self) -> None:  # noqa: B027  most have nothing to count
        """To be called once in a step, before :meth:`update`."""

    @torch.no_grad()
    def update(self, groups: RowGroups, gradient: Tensor) -> None:
        """Update the rows of ``groups`` by their whole gradients [most, dim]. A step may do so
        for one part of its rows after another."""
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

    @abstractmethod
    def _update_rows(self, ids: Tensor, gradient: Tensor, active: Tensor) -> None:
        """Update rows ``ids`` [n] by ``gradient`` [n, dim], which may be overwritten; where
        ``active`` (no dimension) is 0 and not 1 the gradient is 0, and nothing may change."""

    @property
    def state(self) -> list[Tensor]:
        """What it holds besides the table."""
        held = (value for name, value in vars(self).items() if name != "table")
        return [value for value in held if isinstance(value, Tensor)]


class RowSGD(RowOptimizer):
    """row <- row - lr * gradient; as ``torch.optim.SGD`` on a sparse gradient, which adds up in
    the row itself."""

    grouped = False

    @torch.no_grad()
    def step(self, ids: Tensor, row_gradients: Tensor, groups: RowGroups | None = None) -> None:
        """One step; needs no groups."""
        add_to_rows(self.table, ids, row_gradients * -self.lr)

    def _update_rows(self, ids: Tensor, gradient: Tensor, active: Tensor) -> None:
        rows = read_rows(self.table, ids)
        write_rows(self.table, ids, rows.add_(gradient, alpha=-self.lr))


class RowAdagrad(RowOptimizer):
    """``torch.optim.Adagrad`` on a sparse gradient: state += g², row -= lr * g / (√state + ε)."""

    def __init__(
        self, table: Tensor, lr: float, epsilon: float = 1e-10, initial_accumulator: float = 0.0
    ) -> None:
        super().__init__(table, lr)
        self.epsilon = epsilon
        self._squares = self._state(table, initial_accumulator)

    def _update_rows(self, ids: Tensor, gradient: Tensor, active: Tensor) -> None:
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
        self._size = torch.zeros((), dtype=torch.float64, device=table.device)

    @torch.no_grad()
    def begin_step(self) -> None:
        """Count the step, and correct its size for the bias of both moments."""
        self._steps.add_(1.0)
        first_bias, second_bias = (1.0 - beta**self._steps for beta in self.betas)
        self._size.copy_(second_bias.sqrt_().div_(first_bias).mul_(-self.lr))

    def _update_rows(self, ids: Tensor, gradient: Tensor, active: Tensor) -> None:
        dim = self.table.shape[1]
        first_weight, second_weight = (active * (1.0 - beta) for beta in self.betas)
        moments = read_rows(self._moments, ids)
        first = moments[:, :dim].lerp(gradient, first_weight)
        second = moments[:, dim:].lerp(gradient.square_(), second_weight)
        write_rows(self._moments[:, :dim], ids, first)
        write_rows(self._moments[:, dim:], ids, second)
        rows = read_rows(self.table, ids)
        if self.weight_decay:
            rows.mul_(1.0 - active * (self.lr * self.weight_decay))
        rows.addcdiv_(first.mul_(self._size * active), second.sqrt_().add_(self.epsilon))
        write_rows(self.table, ids, rows)


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
