"""DIEN: the evolution of a user's interests towards the target (arXiv 1809.03672)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from rmixer.models.base import RecommendationModel
from rmixer.models.gru import GRU
from rmixer.models.layers import TargetAttention, mlp

INITIAL_STD = 0.1


class DIEN(RecommendationModel):
    """An item is e = [its row, its category's row]. A GRU over the history gives interests h_t,
    as wide as an item. They are weighed by attention to the target, the MLP of the authors'
    public code where the paper is bilinear; a GRU whose update gate is multiplied by the weights
    gives the last interest. The logit is an MLP of that and of the target, plus the target's
    bias. Sigmoid activations, as in that code.

    The loss has a second part, with ``auxiliary_weight``: each interest should distinguish the
    next item of its history from another one, -log σ(h_t · e_{t+1}) - log(1 - σ(h_t · e'_{t+1})),
    summed over a history and averaged over samples.

    Batches have the columns of :class:`rmixer.models.din.DIN`, and ``negative_items`` and
    ``negative_categories`` [B, history_max], an e' for each e of the history. Padding reads row 0
    and gets a gradient of exactly zero.
    """

    inputs: ClassVar = (
        "history_items",
        "history_categories",
        "history_length",
        "negative_items",
        "negative_categories",
        "target_item",
        "target_category",
        "label",
    )
    slots: Tensor

    def __init__(self, config: Mapping[str, Any], rows_cap: int | None = None) -> None:
        super().__init__(config, rows_cap)
        kinds = (config["items"], config["categories"])
        _, self.first_category = self.add_table("shared", kinds, config["dim"], INITIAL_STD)
        self.add_table("item_bias", config["items"], 1, 0.0)
        dim, places = 2 * config["dim"], config["history_max"]
        self.extraction = nn.ModuleList(GRU(dim, dim) for _ in range(config["gru_layers"]))
        self.attention = TargetAttention(dim, config["attention_mlp"], places)
        self.evolution = GRU(dim, dim)
        self.top = mlp(2 * dim, config["top_mlp"], nn.Sigmoid)
        self.auxiliary_weight: float = config["auxiliary_weight"]
        self.register_buffer("slots", torch.arange(places), persistent=False)

    def table_ids(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Positions of histories come first, then samples: so a step of a GRU reads one block."""
        items = ("history_items", "negative_items", "target_item")
        categories = ("history_categories", "negative_categories", "target_category")
        shared = [batch[name].t().flatten() for name in items]
        shared += [batch[name].t().flatten() + self.first_category for name in categories]
        return {"shared": torch.cat(shared), "item_bias": batch["target_item"]}

    def forward(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        history, _, target = self._items(batch, rows)
        return self._logits(batch, rows, self._interests(history), target)

    def loss(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        """The mean cross-entropy of the clicks, and the weighted auxiliary loss."""
        history, others, target = self._items(batch, rows)
        interests = self._interests(history)
        logits = self._logits(batch, rows, interests, target).float()
        clicks = binary_cross_entropy_with_logits(logits, batch["label"])
        before = interests[:-1]
        wrong = softplus(-(before * history[1:]).sum(2)) + softplus((before * others[1:]).sum(2))
        real = (self.slots[1:, None] < batch["history_length"]).to(wrong.dtype)
        auxiliary = (wrong * real).sum() / len(target)
        return clicks + self.auxiliary_weight * auxiliary.float()

    def _items(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> list[Tensor]:
        """Vectors of the history and of its negatives, [T, B, 2 dim], and of the target, [B, 2
        dim]."""
        samples, places = batch["history_items"].shape
        of_places = samples * places
        parts = rows["shared"].split(2 * [of_places, of_places, samples])
        history, others, target = (
            torch.cat(pair, dim=1) for pair in zip(parts[:3], parts[3:], strict=True)
        )
        return [history.view(places, samples, -1), others.view(places, samples, -1), target]

    def _interests(self, history: Tensor) -> Tensor:
        """The states of the last of the GRU's layers, [T, B, 2 dim]."""
        interests = history
        for layer in self.extraction:
            states: tuple[Tensor, Tensor] = layer(interests.transpose(0, 1))
            interests = states[0]
        return interests

    def _logits(
        self,
        batch: Mapping[str, Tensor],
        rows: Mapping[str, Tensor],
        interests: Tensor,
        target: Tensor,
    ) -> Tensor:
        interests = interests.transpose(0, 1).contiguous()
        attention = self.attention.weights(interests, target, batch["history_length"])
        _, last = self.evolution(interests, attention)
        logits: Tensor = self.top(torch.cat([last, target], dim=1))
        return (logits + rows["item_bias"]).squeeze(1)
