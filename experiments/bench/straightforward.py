"""The training step in its simplest form: an ``nn.Embedding`` per field, ``torch.optim``.

The weights, the batches and the kinds of optimizers are those of our step; what differs are the
embedding tables, their gradients (torch's sparse ones), their optimizers, and the network where
:mod:`experiments.bench.plain_networks` has one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn

from experiments.bench.plain.network import PlainNetwork
from experiments.bench.plain_networks import plain_network
from rmixer.models.base import RecommendationModel
from rmixer.training.step import TrainingStep
from rmixer.workload.workload import Job

_DENSE: dict[str, Any] = {
    "sgd": torch.optim.SGD,
    "adagrad": torch.optim.Adagrad,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}
NetworkKind = Literal["plain", "shared"]
_SPARSE = {**_DENSE, "adam": torch.optim.SparseAdam}


class FieldEmbeddings(nn.Module):
    """One table of a model as an ``nn.Embedding`` for each of its fields, an ``nn.EmbeddingBag``
    where ``pooled``.

    ``offsets`` [n] are the table's flat ids where every id is 0: places that differ in them are
    of different fields. With ``samples`` they are a row of places for each sample, else one
    stretch of places after another. Fields that share one hashed table differ in nothing; with
    ``split_shared`` each then gets its part of the rows.
    """

    def __init__(
        self, table: Tensor, offsets: Tensor, samples: int, pooled: bool, split_shared: bool
    ) -> None:
        super().__init__()
        places = len(offsets) // samples
        self.by_sample = bool((offsets.view(samples, places) == offsets[:places]).all())
        line = offsets[:places] if self.by_sample else offsets
        cuts = [0, *(torch.diff(line).nonzero().flatten() + 1).tolist(), len(line)]
        firsts = sorted(set(line.tolist()))
        if split_shared and self.by_sample and len(firsts) == 1 and places > 1:
            self.rows = -(-len(table) // places)
            self.runs = [(place, place + 1, place, 0) for place in range(places)]
            parts = [table[: self.rows]] * places
        else:
            self.rows = len(table)
            fields = [firsts.index(int(line[start])) for start in cuts[:-1]]
            self.runs = [
                (start, end, field, firsts[field])
                for (start, end), field in zip(pairwise(cuts), fields, strict=True)
            ]
            parts = [table[a:b] for a, b in pairwise([*firsts, len(table)])]
        kind = (
            partial(nn.EmbeddingBag.from_pretrained, mode="sum")
            if pooled
            else (nn.Embedding.from_pretrained)
        )
        self.embeddings = nn.ModuleList(
            kind(part.clone(), freeze=False, sparse=True) for part in parts
        )
        self.samples, self.pooled = samples, pooled

    def forward(self, ids: Tensor) -> Tensor:
        """The rows of the flat ``ids`` [n], [n, dim], in their order; of bags their sums,
        [samples x fields, dim]."""
        shaped = ids.view(self.samples, -1) if self.by_sample else ids
        found = []
        for start, end, field, first in self.runs:
            part = shaped[..., start:end] - first
            found.append(self.embeddings[field](part % self.rows))
        together = torch.stack(found, dim=1) if self.pooled else torch.cat(found, dim=-2)
        return together.view(-1, found[0].shape[-1])


class StraightforwardStep:
    """The step of ``job`` without our embedding code; :meth:`run` makes one step.

    Its network is the plain one, if the model has one and ``network`` is not ``shared``, else
    our own; :attr:`network_kind` says which. Unless ``split_shared``, its losses are those of our
    step but for what dropout draws. Row-wise Adagrad, which torch does not have, is not taken.
    """

    def __init__(self, job: Job, split_shared: bool = True, network: NetworkKind = "plain") -> None:
        ours = TrainingStep(job)
        self.model, self._batches = ours.model, ours.batches
        probe = {name: torch.zeros_like(v) for name, v in self._batches.next_batch().items()}
        self._batches = TrainingStep(job).batches
        self.embeddings = nn.ModuleDict()
        for name, offsets in self.model.table_ids(probe).items():
            table = self.model.tables[name].data
            pooled = name in self.model.bags
            self.embeddings[name] = FieldEmbeddings(table, offsets, job.batch, pooled, split_shared)
        plain = plain_network(self.model) if network == "plain" else None
        self.network: PlainNetwork | RecommendationModel = plain or self.model
        self.network_kind: NetworkKind = "plain" if plain else "shared"
        self._optimizers = _optimizers(job, self.network, self.embeddings)
        self._clip_norm = job.entry.clip_norm
        self.last_loss: Tensor | None = None

    def run(self) -> None:
        """One step."""
        batch = self._batches.next_batch()
        for optimizer in self._optimizers:
            optimizer.zero_grad()
        ids = self.model.table_ids(batch)
        rows = {name: self.embeddings[name](at) for name, at in ids.items()}
        loss = self.network.loss(batch, rows)
        loss.backward()
        if self._clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self._clip_norm)
        for optimizer in self._optimizers:
            optimizer.step()
        self.last_loss = loss.detach()


def _optimizers(
    job: Job, network: nn.Module, embeddings: nn.ModuleDict
) -> Sequence[torch.optim.Optimizer]:
    settings = job.entry.settings_of(job.optimizer)
    names = {"epsilon": "eps", "initial_accumulator": "initial_accumulator_value"}
    known = {names.get(name, name): value for name, value in settings.items()}
    dense = [p for p in network.parameters() if p.requires_grad]
    sparse = list(embeddings.parameters())
    made = [_DENSE[job.optimizer](dense, lr=job.lr, **known)]
    return [*made, _SPARSE[job.optimizer](sparse, lr=job.lr, **known)] if sparse else made
