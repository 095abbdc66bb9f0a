"""DeepRecSys' shape of DIEN, with the paper's interest evolution (arXiv 1809.03672)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from rmixer.models.base import RecommendationModel
from rmixer.models.field_table import FieldTable
from rmixer.models.gru import GRU
from rmixer.models.layers import mlp, relu

INITIAL_STD = 0.1


class DeepRecSysDIEN(RecommendationModel):
    """Fields are the user's profile, a sequence of behaviours with a table each, the
    advertisement e and the context. A GRU over the behaviours gives interests h_t; their weights
    are a_t = softmax_t(h_t W e); an AUGRU of both gives the last interest, and the logit is an
    MLP of profile, interest, e and context.

    Batches have ``ids`` [B, fields].
    """

    inputs: ClassVar = ("ids", "label")

    def __init__(self, config: Mapping[str, Any], rows_cap: int | None = None) -> None:
        super().__init__(config, rows_cap)
        dim, hidden = config["embedding_dim"], config["hidden"]
        self.fields = FieldTable(self, config, INITIAL_STD)
        self.extraction = GRU(dim, hidden)
        self.bilinear = nn.Linear(dim, hidden, bias=False)
        self.evolution = GRU(hidden, hidden)
        self.top = mlp(3 * dim + hidden, config["top_mlp"], relu)

    def table_ids(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"shared": self.fields.table_rows(batch["ids"])}

    def forward(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        vectors = rows["shared"].view(len(batch["ids"]), self.fields.count, -1)
        states, _ = self.extraction(vectors[:, 1:-2])
        interests = states.transpose(0, 1)
        profile, advertisement, context = vectors[:, 0], vectors[:, -2], vectors[:, -1]
        scores = torch.bmm(interests, self.bilinear(advertisement).unsqueeze(2)).squeeze(2)
        _, interest = self.evolution(interests, torch.softmax(scores, dim=1))
        logits: Tensor = self.top(torch.cat([profile, interest, advertisement, context], dim=1))
        return logits.squeeze(1)
