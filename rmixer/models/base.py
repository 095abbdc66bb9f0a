"""The base of all models: embedding tables, and a network over rows taken from them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, ClassVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from rmixer.models.bags import Bags
from rmixer.models.initial_rows import fill_normal
from rmixer.models.metrics import auc


class RecommendationModel(nn.Module, ABC):
    """A click model: batches in, one logit per sample out.

    ``tables`` holds the embedding tables, [rows, dim] each, one for each dimension. They take no
    part in autograd: the training step gathers the rows that a batch names, hands them to
    :meth:`loss` as leaves, and a row-sparse optimizer updates those rows. All other parameters
    are dense and trained by ``torch.optim``.

    To add a model: subclass this in a module of its own; name the columns it reads in
    ``inputs`` (in ``measured_inputs`` those that :meth:`measure` alone reads); in ``__init__``
    call ``super().__init__(config, rows_cap)``, make each table by
    :meth:`add_table` and the layers as usual; write :meth:`table_ids` and :meth:`forward`; add a
    configuration to ``rmixer.models.configurations``. A model with another loss or another
    quality than AUC overrides :meth:`loss`, :meth:`measure` and :meth:`quality`. Weights come
    from torch's generator, which the training step seeds (tables take one number of it, their
    seed); dropout is :class:`rmixer.models.dropout.Dropout`. Shapes depend on ``config`` and the
    batch size alone, and nothing reads a value back to Python (no ``.item()``, boolean index,
    ``nonzero``, ``unique``), so that a step can be captured in a CUDA graph.
    """

    inputs: ClassVar[tuple[str, ...]]
    measured_inputs: ClassVar[tuple[str, ...]] = ()

    def __init__(self, config: Mapping[str, Any], rows_cap: int | None = None) -> None:
        super().__init__()
        self.config = dict(config)
        self.rows_cap = rows_cap
        self.tables = nn.ParameterDict()
        self.bags = nn.ModuleDict()
        self._fields: dict[str, list[int]] = {}
        self._dense_tables: list[str] = []

    def add_table(
        self,
        name: str,
        rows: int | Sequence[int],
        dim: int,
        std: float,
        bag_sizes: Sequence[int] | None = None,
    ) -> list[int]:
        """Adds a table of width ``dim``, normal with deviation ``std``, for fields of ``rows`` ids
        each (at most ``rows_cap``), one after another. Returns each field's first row.

        With ``bag_sizes`` each sample has that many ids of each field, and :meth:`gather` gives the
        sum of their rows, in one operator: see :class:`rmixer.models.bags.Bags`.
        """
        lengths = [self.capped(n) for n in ([rows] if isinstance(rows, int) else rows)]
        if bag_sizes is not None:
            self.bags[name] = Bags(bag_sizes, lengths)
        self._fields[name] = lengths
        self.tables[name] = nn.Parameter(_normal(sum(lengths), dim, std), requires_grad=False)
        return [0, *accumulate(lengths[:-1])]

    def add_dense_table(self, name: str, rows: int, dim: int, std: float) -> nn.Parameter:
        """An embedding table as a dense parameter, for one whose every row has a gradient in
        each step (the output of a softmax over all of it, a handful of positions)."""
        table = nn.Parameter(_normal(self.capped(rows), dim, std))
        self.register_parameter(name, table)
        self._dense_tables.append(name)
        return table

    def capped(self, rows: int) -> int:
        """``rows``, or ``rows_cap`` if that is less."""
        return rows if self.rows_cap is None else min(rows, self.rows_cap)

    def parameter_counts(self) -> tuple[int, int]:
        """Embedding parameters and all others."""
        tables = [*self.tables.values(), *(getattr(self, name) for name in self._dense_tables)]
        embedding = sum(table.numel() for table in tables)
        return embedding, sum(p.numel() for p in self.parameters()) - embedding

    @abstractmethod
    def table_ids(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """For each table the rows that ``batch`` needs: int64, shape [n], repeats allowed. A place
        always belongs to one field; its number is the field's first row plus an id."""

    @abstractmethod
    def forward(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        """Logits, shape [B]. ``rows[name]`` is ``tables[name]`` at ``table_ids(batch)[name]``,
        shape [n, dim]; of a table with bags their sums, [samples x fields, dim]."""

    def loss(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        """The loss that training minimises: the mean cross-entropy of the clicks."""
        return binary_cross_entropy_with_logits(self(batch, rows).float(), batch["label"])

    def measure(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors, shape [B], that :meth:`quality` needs of a held-out batch."""
        return {"logit": self(batch, rows).float(), "label": batch["label"]}

    @staticmethod
    def quality(measured: Mapping[str, NDArray[np.float32]]) -> dict[str, float]:
        """``loss`` and other figures from all results of :meth:`measure`, each of shape [samples]:
        here the mean cross-entropy and the ``auc``."""
        logits, labels = measured["logit"].astype(np.float64), measured["label"]
        loss = float((np.logaddexp(0.0, logits) - labels * logits).mean())
        return {"loss": loss, "auc": auc(labels, logits)}

    def gather(self, batch: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """:meth:`table_ids`, and the rows they name (or the sums of bags) outside autograd."""
        ids = self.table_ids(batch)
        return ids, {name: self._gathered(name, at) for name, at in ids.items()}

    def field_places(self, blank: Mapping[str, Tensor]) -> dict[str, list[int]]:
        """For each table the number of places of each field in a batch of the shapes of ``blank``,
        which is 0 everywhere."""
        found = {}
        for name, first_rows in self.table_ids(blank).items():
            ends = torch.tensor(list(accumulate(self._fields[name])))
            fields = torch.bucketize(first_rows, ends, right=True)
            found[name] = torch.bincount(fields, minlength=len(ends)).tolist()
        return found

    def most_rows(self, places: Mapping[str, Sequence[int]]) -> dict[str, int]:
        """For each table the most rows that a batch with these :meth:`field_places` can name: for a
        field its places or its rows, whichever is less."""
        return {name: sum(map(min, counts, self._fields[name])) for name, counts in places.items()}

    def bags_of(self, name: str) -> Bags | None:
        """The bags of the table ``name``, if it has any."""
        return cast(Bags, self.bags[name]) if name in self.bags else None

    def _gathered(self, name: str, ids: Tensor) -> Tensor:
        table, bags = self.tables[name], self.bags_of(name)
        return table.index_select(0, ids) if bags is None else bags.pooled(table, ids)


def _normal(rows: int, dim: int, std: float) -> Tensor:
    table = torch.empty(rows, dim)
    return fill_normal(table, std) if std else table.zero_()
