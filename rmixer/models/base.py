"""What every model of the zoo is: embedding tables, and a network over rows taken from them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


class RecommendationModel(nn.Module, ABC):
    """A click model: batches in, one logit per sample out.

    ``tables`` holds the embedding tables, [rows, dim] each. They take no part in autograd: the
    training step gathers the rows that a batch names, hands them to :meth:`forward` as leaves,
    and a row-sparse optimizer updates those rows. All other parameters are dense and trained by
    ``torch.optim``.

    To add a model: subclass this in a module of its own; in ``__init__`` call
    ``super().__init__(config, rows_cap)``, make each table by :meth:`add_table` and the layers
    as usual; write :meth:`table_ids` and :meth:`forward`; name the class in
    ``rmixer.models.registry``. Weights come from torch's generator, which the training step seeds.
    Shapes depend on ``config`` and the batch size alone, and nothing reads a value back to Python
    (no ``.item()``, boolean index, ``nonzero``, ``unique``), so that a step can be captured in a
    CUDA graph.
    """

    def __init__(self, config: Mapping[str, Any], rows_cap: int | None = None) -> None:
        super().__init__()
        self.config = dict(config)
        self.rows_cap = rows_cap
        self.tables = nn.ParameterDict()

    def add_table(self, name: str, rows: int, dim: int, std: float) -> None:
        """A table of ``rows`` (at most ``rows_cap``) by ``dim``, normal with deviation ``std``."""
        rows = rows if self.rows_cap is None else min(rows, self.rows_cap)
        table = torch.empty(rows, dim)
        self.tables[name] = nn.Parameter(
            table.normal_(std=std) if std else table.zero_(), requires_grad=False
        )

    @abstractmethod
    def table_ids(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """For each table the rows that ``batch`` needs: int64, shape [n], repeats allowed."""

    @abstractmethod
    def forward(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        """Logits, shape [B]. ``rows[name]`` is ``tables[name]`` at ``table_ids(batch)[name]``,
        shape [n, dim]."""

    def gather(self, batch: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """:meth:`table_ids`, and the rows they name as copies outside autograd."""
        ids = self.table_ids(batch)
        return ids, {name: self.tables[name].index_select(0, at) for name, at in ids.items()}
