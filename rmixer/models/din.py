"""DIN: the part of a user's history that matters for the target (arXiv 1706.06978)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from rmixer.models.base import RecommendationModel
from rmixer.models.layers import TargetAttention, mlp

INITIAL_STD = 0.1


class DIN(RecommendationModel):
    """An item is [its row, its category's row]; the history's items are summed by attention to
    the target and projected; the logit is an MLP of that and of the target, plus the target's
    bias. Sigmoid activations, as in the authors' public code.

    Batches have ``history_items`` and ``history_categories`` [B, history_max], padded at the
    end, ``history_length`` [B] (at least 1), ``target_item`` and ``target_category`` [B].
    Padding reads row 0 and gets a gradient of exactly zero.
    """

    inputs: ClassVar = (
        "history_items",
        "history_categories",
        "history_length",
        "target_item",
        "target_category",
        "label",
    )

    def __init__(self, config: Mapping[str, Any], rows_cap: int | None = None) -> None:
        super().__init__(config, rows_cap)
        kinds = (config["items"], config["categories"])
        _, self.first_category = self.add_table("shared", kinds, config["dim"], INITIAL_STD)
        self.add_table("item_bias", config["items"], 1, 0.0)
        dim = 2 * config["dim"]
        self.attention = TargetAttention(dim, config["attention_mlp"], config["history_max"])
        self.projection = nn.Linear(dim, dim)
        self.top = mlp(2 * dim, config["top_mlp"], nn.Sigmoid)

    def table_ids(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        items = [batch["history_items"].flatten(), batch["target_item"]]
        categories = [batch["history_categories"].flatten(), batch["target_category"]]
        shared = torch.cat([*items, *(ids + self.first_category for ids in categories)])
        return {"shared": shared, "item_bias": batch["target_item"]}

    def forward(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        samples, slots = batch["history_items"].shape
        parts = rows["shared"].split(2 * [samples * slots, samples])
        history = torch.cat(parts[::2], dim=1).view(samples, slots, -1)
        target = torch.cat(parts[1::2], dim=1)
        interest = self.projection(self.attention(history, target, batch["history_length"]))
        logits: Tensor = self.top(torch.cat([interest, target], dim=1))
        return (logits + rows["item_bias"]).squeeze(1)
