"""BERT4Rec: masked items of a sequence from both sides of them (arXiv 1904.06690)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import embedding, gelu, linear

from rmixer.models.base import RecommendationModel
from rmixer.models.dropout import Dropout
from rmixer.models.metrics import ranking
from rmixer.models.tied_softmax import item_logits, masked_cross_entropy

INITIAL_STD = 0.1
POSITION_STD = 0.02


class BERT4Rec(RecommendationModel):
    """h = Dropout(LN(item + position)), then transformer blocks; a masked place scores item v by
    LN(GELU(h W + b)) E_v + b_v, where E is the table that the items came from. The loss is the
    mean cross-entropy over all rows of E at the masked places.

    The two layer norms outside the blocks are those of the authors' code. Batches have ``items``
    [B, history_max], masked ones replaced by the mask's id, padded at the end, their ``length``
    [B], ``masked_places`` and ``masked_items`` [B, slots], of which the first ``masked_count``
    [B] are used. Padding and unused slots get a gradient of exactly zero.

    Quality is the rank of the item at the first slot, the user's last, among ``candidates``
    [B, n], other items (0: none): hit rate and NDCG at 10, and mean reciprocal rank.
    """

    inputs: ClassVar = ("items", "length", "masked_places", "masked_items", "masked_count")
    measured_inputs: ClassVar = ("candidates",)
    places: Tensor
    rows_of_places: Tensor
    slots: Tensor

    def __init__(self, config: Mapping[str, Any], rows_cap: int | None = None) -> None:
        super().__init__(config, rows_cap)
        width, most = config["hidden"], config["history_max"]
        self.item = self.add_dense_table("item", config["items"], width, INITIAL_STD)
        self.position = self.add_dense_table("position", most, width, POSITION_STD)
        self.item_bias = nn.Parameter(torch.zeros(len(self.item)))
        self.norm = nn.LayerNorm(width)
        self.dropout = Dropout(config["embedding_dropout"])
        blocks = [
            EncoderBlock(width, config["heads"], config["feed_forward"], config["dropout"])
            for _ in range(config["blocks"])
        ]
        self.blocks = nn.ModuleList(blocks)
        self.transform = nn.Linear(width, width)
        self.transform_norm = nn.LayerNorm(width)
        self.register_buffer("places", torch.arange(most), persistent=False)
        self.register_buffer("slots", torch.arange(config["slots"]), persistent=False)
        # A cap may leave fewer rows than places, like ids of any table.
        rows = torch.arange(most) % len(self.position)
        self.register_buffer("rows_of_places", rows, persistent=False)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_normal_(module.weight)
                nn.init.zeros_(module.bias)

    def table_ids(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Returns no table: the softmax gives every row of the one table a gradient."""
        return {}

    def forward(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        """Logits of all items at all slots, shape [B, slots, items]."""
        return item_logits(self._at_slots(batch, batch["masked_places"]), self.item, self.item_bias)

    def loss(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        """The mean cross-entropy of the masked items."""
        found = self._at_slots(batch, batch["masked_places"]).flatten(0, 1)
        used = (self.slots < batch["masked_count"].unsqueeze(1)).to(self.item_bias.dtype)
        weights = (used / used.sum()).flatten()
        items = batch["masked_items"].flatten()
        return masked_cross_entropy(found, self.item, self.item_bias, items, weights)

    def measure(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The ``loss`` of each sample's first masked item, and its ``rank`` among the candidates
        and itself, from 1, a tie counting half; NaN if one of their scores is."""
        found = self._at_slots(batch, batch["masked_places"][:, :1])
        item = batch["masked_items"][:, :1]
        logits = item_logits(found.squeeze(1), self.item, self.item_bias)
        score, others = logits.gather(1, item), logits.gather(1, batch["candidates"])
        competes = batch["candidates"] != 0
        above = (competes & (others > score)).sum(1) + 0.5 * (competes & (others == score)).sum(1)
        unknown = score.isnan().squeeze(1) | (competes & others.isnan()).any(1)
        rank = (1.0 + above).masked_fill(unknown, torch.nan)
        return {"loss": logits.logsumexp(1) - score.squeeze(1), "rank": rank}

    @staticmethod
    def quality(measured: Mapping[str, NDArray[np.float32]]) -> dict[str, float]:
        """``loss``, ``hit_rate_10``, ``ndcg_10``, ``mrr``."""
        return {"loss": float(measured["loss"].mean()), **ranking(measured["rank"])}

    def _at_slots(self, batch: Mapping[str, Tensor], places: Tensor) -> Tensor:
        """The transformed vectors at ``places`` [B, m], shape [B, m, hidden].

        Of the last block only these are wanted, so it computes no others.
        """
        position = self.position.index_select(0, self.rows_of_places)
        hidden = self.dropout(self.norm(embedding(batch["items"], self.item) + position))
        padding = self.places >= batch["length"].unsqueeze(1)
        for block in self.blocks[:-1]:
            hidden = block(hidden, hidden, padding)
        wanted = hidden.gather(1, places.unsqueeze(2).expand(-1, -1, hidden.shape[2]))
        transformed = gelu(self.transform(self.blocks[-1](wanted, hidden, padding)))
        normed: Tensor = self.transform_norm(transformed)
        return normed


class EncoderBlock(nn.Module):
    """A = LN(h + Drop(MultiHead(h))), then LN(A + Drop(W2 GELU(W1 A + b1) + b2)).

    ``queries`` [B, m, width] attend to ``hidden`` [B, T, width] where ``padding`` [B, T] is
    false, and become [B, m, width]. ``projections`` has those of queries, keys and values one
    above another.
    """

    def __init__(self, width: int, heads: int, feed_forward: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.scale = heads, (width // heads) ** -0.5
        self.projections = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.widen, self.narrow = nn.Linear(width, feed_forward), nn.Linear(feed_forward, width)
        self.dropout = Dropout(dropout)

    def forward(self, queries: Tensor, hidden: Tensor, padding: Tensor) -> Tensor:
        samples, wanted, width = queries.shape
        of_query, of_rest = self.projections.weight.split([width, 2 * width])
        query_bias, rest_bias = self.projections.bias.split([width, 2 * width])
        asked = self._by_head(linear(queries, of_query, query_bias) * self.scale, 1)
        keys, values = self._by_head(linear(hidden, of_rest, rest_bias), 2).chunk(2)
        scores = torch.bmm(asked, keys.transpose(1, 2)).view(samples, self.heads, wanted, -1)
        scores = scores.masked_fill(padding[:, None, None], -1e9)
        weights = self.dropout(torch.softmax(scores, dim=3)).flatten(0, 1)
        attended = torch.bmm(weights, values).view(samples, self.heads, wanted, -1)
        attended = self.output(attended.transpose(1, 2).reshape(samples, wanted, width))
        queries = self.norm_1(queries + self.dropout(attended))
        wide = self.narrow(gelu(self.widen(queries)))
        normed: Tensor = self.norm_2(queries + self.dropout(wide))
        return normed

    def _by_head(self, vectors: Tensor, parts: int) -> Tensor:
        """[B, n, parts * width] -> [parts * B * heads, n, width / heads], in one copy."""
        samples, places, _ = vectors.shape
        split = vectors.view(samples, places, parts, self.heads, -1).permute(2, 0, 3, 1, 4)
        return split.reshape(parts * samples * self.heads, places, -1)
