"""BERT4Rec as in its paper: torch's encoder, and a softmax over all items (arXiv 1904.06690)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, gelu, linear

from experiments.bench.plain.network import PlainNetwork, with_names
from rmixer.models.base import RecommendationModel


class PlainBERT4Rec(PlainNetwork):
    """:class:`rmixer.models.bert4rec.BERT4Rec`.

    All slots are scored and the unused ones ignored, as in the authors' code. Picking the used
    ones, about half, takes shapes that differ from batch to batch.
    """

    def __init__(self, model: RecommendationModel) -> None:
        super().__init__(model)
        config = self.config
        width, items = config["hidden"], model.capped(config["items"])
        self.item = nn.Embedding(items, width)
        self.position = nn.Embedding(config["history_max"], width)
        self.item_bias = nn.Parameter(torch.zeros(items))
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(config["embedding_dropout"])
        self.blocks = nn.ModuleList()
        for _ in range(config["blocks"]):
            block = nn.TransformerEncoderLayer(
                width,
                config["heads"],
                config["feed_forward"],
                config["dropout"],
                activation="gelu",
                batch_first=True,
            )
            # The model drops nothing between the two feed-forward layers.
            block.dropout = nn.Identity()  # type: ignore[assignment]
            self.blocks.append(block)
        self.transform = nn.Linear(width, width)
        self.transform_norm = nn.LayerNorm(width)

    def logits(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        """Logits of all items at all slots, [B, slots, items]."""
        places = torch.arange(self.config["history_max"])
        hidden = self.dropout(self.norm(self.item(batch["items"]) + self.position(places)))
        padding = places >= batch["length"].unsqueeze(1)
        for block in self.blocks:
            hidden = block(hidden, src_key_padding_mask=padding)
        masked = hidden.take_along_dim(batch["masked_places"].unsqueeze(2), dim=1)
        found = self.transform_norm(gelu(self.transform(masked)))
        return linear(found, self.item.weight, self.item_bias)

    def loss(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        unused = torch.arange(self.config["slots"]) >= batch["masked_count"].unsqueeze(1)
        items = batch["masked_items"].masked_fill(unused, -100)
        return cross_entropy(self.logits(batch, rows).flatten(0, 1), items.flatten())

    def renamed(self, ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
        names = {
            ".projections.": ".self_attn.in_proj_",
            ".output.": ".self_attn.out_proj.",
            ".widen.": ".linear1.",
            ".narrow.": ".linear2.",
            ".norm_1.": ".norm1.",
            ".norm_2.": ".norm2.",
        }
        return with_names(ours, names, ("item", "position"))
