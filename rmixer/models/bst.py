"""BST: a transformer over a user's history and the target (arXiv 1905.06874)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import leaky_relu

from rmixer.models.base import RecommendationModel
from rmixer.models.dropout import Dropout
from rmixer.models.layers import mlp

INITIAL_STD = 0.1


class BST(RecommendationModel):
    """An item is e = [its row, its category's row, the row of its days before the target]. One
    transformer block over the history and the target gives a vector of the target, and the logit
    is an MLP of that and of the user's row, with LeakyReLU.

    Batches have ``user`` [B], ``history_items``, ``history_categories`` and ``history_days``
    [B, history_max], padded at the end, ``history_length`` [B], ``target_item`` and
    ``target_category`` [B]. Padding reads row 0 and gets a gradient of exactly zero.
    """

    inputs: ClassVar = (
        "user",
        "history_items",
        "history_categories",
        "history_days",
        "history_length",
        "target_item",
        "target_category",
        "label",
    )
    slots: Tensor

    def __init__(self, config: Mapping[str, Any], rows_cap: int | None = None) -> None:
        super().__init__(config, rows_cap)
        kinds = (config["items"], config["categories"], config["days"])
        self.firsts = self.add_table("shared", kinds, config["dim"], INITIAL_STD)
        width = config["dim"] * len(kinds)
        self.add_table("user", config["users"], width, INITIAL_STD)
        self.block = TargetBlock(
            config["dim"], len(kinds), config["heads"], config["feed_forward"], config["dropout"]
        )
        self.top = mlp(2 * width, config["top_mlp"], lambda: nn.LeakyReLU(inplace=True))
        self.register_buffer("slots", torch.arange(config["history_max"]), persistent=False)

    def table_ids(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        history = ("history_items", "history_categories", "history_days")
        target = (batch["target_item"], batch["target_category"], batch["target_item"] * 0)
        parts = [batch[name].flatten() + at for name, at in zip(history, self.firsts, strict=True)]
        parts += [ids + at for ids, at in zip(target, self.firsts, strict=True)]
        return {"shared": torch.cat(parts), "user": batch["user"]}

    def forward(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        samples, places = batch["history_items"].shape
        parts = rows["shared"].split(3 * [samples * places] + 3 * [samples])
        history = [part.view(samples, places, -1) for part in parts[:3]]
        padding = self.slots >= batch["history_length"].unsqueeze(1)
        found = self.block(history, torch.cat(parts[3:], dim=1), padding)
        logits: Tensor = self.top(torch.cat([rows["user"], found], dim=1))
        return logits.squeeze(1)


class TargetBlock(nn.Module):
    """The target's output of a transformer block, [B, width]: with S = [history, target], A =
    LN(target + Drop(MultiHead(target; S))), then LN(A + Drop(W2 LeakyReLU(W1 A + b1) + b2)). The
    other outputs are not needed.

    ``history`` are parts of [B, T, dim] that are joined to its vectors; positions where ``padding``
    [B, T] is true do not count. A head scores e by (Q t) · (K e), computed as (Kᵀ Q t) · e, and
    sums V e as V Σ e, so the history's vectors are never projected. Keys have no bias: it would add
    the same to all scores.
    """

    def __init__(self, dim: int, parts: int, heads: int, feed_forward: int, dropout: float) -> None:
        super().__init__()
        width = dim * parts
        self.heads, self.scale = heads, (width // heads) ** -0.5
        self.query, self.value = nn.Linear(width, width), nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.output = nn.Linear(width, width)
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.widen, self.narrow = nn.Linear(width, feed_forward), nn.Linear(feed_forward, width)
        self.dropout = Dropout(dropout)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_normal_(module.weight)
        for linear in (self.query, self.value, self.output, self.widen, self.narrow):
            nn.init.zeros_(linear.bias)

    def forward(self, history: list[Tensor], target: Tensor, padding: Tensor) -> Tensor:
        attended = self.norm_1(target + self.dropout(self._attend(history, target, padding)))
        wide = self.narrow(leaky_relu(self.widen(attended)))
        normed: Tensor = self.norm_2(attended + self.dropout(wide))
        return normed

    def _attend(self, history: list[Tensor], target: Tensor, padding: Tensor) -> Tensor:
        samples, width = target.shape
        places, dim = history[0].shape[1:]
        asked = (self.query(target) * self.scale).view(samples, self.heads, -1).transpose(0, 1)
        wanted = torch.bmm(asked, self.key.weight.view(self.heads, -1, width)).transpose(0, 1)
        parts = wanted.split(dim, dim=2)
        of_parts = [dots(few, many) for few, many in zip(parts, history, strict=True)]
        scores = torch.stack(of_parts).sum(0).masked_fill(padding.unsqueeze(1), -1e9)
        own = (wanted * target.unsqueeze(1)).sum(2, keepdim=True)
        weights = torch.softmax(torch.cat([scores, own], dim=2), dim=2)
        of_history, of_target = (part.contiguous() for part in weights.split([places, 1], dim=2))
        summed = torch.cat([torch.bmm(of_history, part) for part in history], dim=2)
        summed = torch.addcmul(summed, of_target, target.unsqueeze(1))
        by_head = self.value.weight.view(self.heads, -1, width).transpose(1, 2)
        values = torch.bmm(summed.transpose(0, 1), by_head).transpose(0, 1).reshape(samples, width)
        found: Tensor = self.output(values + self.value.bias)
        return found


def dots(few: Tensor, many: Tensor) -> Tensor:
    """The dot products of ``few`` [B, m, dim] with ``many`` [B, n, dim], shape [B, m, n]."""
    found: Tensor = _Dots.apply(few.contiguous(), many)
    return found


class _Dots(torch.autograd.Function):
    """Dot products with a faster gradient: autograd's gradient of ``many`` comes transposed, and
    adding it to others is slow."""

    @staticmethod
    def forward(ctx: Any, few: Tensor, many: Tensor) -> Tensor:
        ctx.save_for_backward(few, many)
        return torch.bmm(few, many.transpose(1, 2))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_dots: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        few, many = ctx.saved_tensors
        of_dots = of_dots.to(many.dtype)
        of_many = torch.bmm(of_dots.transpose(1, 2), few.to(many.dtype))
        return torch.bmm(of_dots, many).to(few.dtype), of_many
