"""DMR as in its paper: queries and behaviours side by side in wide inputs (AAAI 2020)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from experiments.bench.plain.network import PlainNetwork, layers, with_names
from rmixer.models.base import RecommendationModel


class BehaviourAttention(nn.Module):
    """Scores [B, T] of behaviours [B, T, d]: an MLP of [q, e, q - e, q * e], where the query q is a
    linear layer of the ``known`` vectors of each behaviour and a PReLU with a slope for each place.
    """

    def __init__(self, known: int, dim: int, places: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.query = nn.Linear(known, dim)
        self.activation = nn.PReLU(places)
        self.score = layers(4 * dim, widths, nn.Sigmoid)

    def forward(self, items: Tensor, known: Sequence[Tensor]) -> Tensor:
        queries = self.activation(self.query(torch.cat(list(known), dim=-1)))
        together = [queries, items, queries - items, queries * items]
        scores: Tensor = self.score(torch.cat(together, dim=-1))
        return scores.squeeze(-1)


class PlainDMR(PlainNetwork):
    """:class:`rmixer.models.dmr.DMR`."""

    def __init__(self, model: RecommendationModel) -> None:
        super().__init__(model)
        config = self.config
        dim, small, most = config["dim"], config["small_dim"], config["history_max"]
        self.category_match = nn.Embedding(model.capped(config["ids"][2]), dim)
        self.place, self.place_match = nn.Embedding(most, small), nn.Embedding(most, small)
        self.kind = nn.Embedding(config["kinds"], small)
        self.kind_match = nn.Embedding(config["kinds"], small)
        item, widths = 2 * dim, config["attention_mlp"]
        self.user_to_item = BehaviourAttention(2 * small, item, most, widths)
        self.item_to_item = BehaviourAttention(item + 2 * small, item, most, widths)
        self.user = layers(item, (dim,), nn.PReLU, activate_last=True)
        inputs = 6 * dim + len(config["levels"]) * small + 1 + 3 * item + 2
        self.norm = nn.BatchNorm1d(inputs, eps=1e-3, momentum=0.01)
        self.top = nn.Sequential()
        for width in config["mlp"][:-1]:
            self.top.extend([nn.Linear(inputs, width), nn.PReLU(width)])
            inputs = width
        self.top.append(nn.Linear(inputs, config["mlp"][-1]))

    def logits(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        return self._logits_and_users(batch, rows)[0]

    def loss(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        logits, users = self._logits_and_users(batch, rows)
        clicks = binary_cross_entropy_with_logits(logits.float(), batch["label"])
        of_all = users @ self.category_match.weight.t()
        newest = batch["history_categories"][:, 0]
        missed = cross_entropy(of_all, newest, reduction="none")
        match = (missed * (batch["history_length"] > 1)).mean()
        weight: float = self.config["match_weight"]
        return clicks + weight * match

    def _logits_and_users(
        self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Logits, and the users of all behaviours but the newest, [B, dim]."""
        kinds = batch["history_kinds"]
        samples, most = kinds.shape
        slots = samples * most
        of_ad, categories, brands = rows["shared"].split([6 * samples, slots, slots])
        of_ad = of_ad.view(6, samples, -1)
        target = torch.cat([of_ad[2], of_ad[3]], dim=-1)
        items = torch.cat([categories, brands], dim=-1).view(samples, most, -1)

        places = torch.arange(most)
        place, place_match = (
            table(places).expand(samples, -1, -1) for table in (self.place, self.place_match)
        )
        scores = self.user_to_item(items, [place_match, self.kind_match(kinds)])
        targets = target.unsqueeze(1).expand(-1, most, -1)
        scores_of_ad = self.item_to_item(items, [targets, place, self.kind(kinds)])

        inside = places < batch["history_length"].unsqueeze(1)
        user = self.user(_pooled(scores, items, inside))
        user_before = self.user(_pooled(scores, items, inside & (places > 0)))
        interest = _pooled(scores_of_ad, items, inside)
        total = (items * inside.unsqueeze(-1)).sum(1)
        match = (user * self.category_match(batch["ids"][:, 2])).sum(-1)
        relevance = (scores_of_ad * inside).sum(1)
        features = [
            of_ad.transpose(0, 1).flatten(1),
            rows["levels"].view(samples, -1),
            torch.stack([batch["price"], match, relevance], dim=-1),
            total,
            target * total,
            interest,
        ]
        logits: Tensor = self.top(self.norm(torch.cat(features, dim=-1)))
        return logits.squeeze(1), user_before

    def renamed(self, ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
        names = {}
        for name in ("user_to_item", "item_to_item"):
            names[f"{name}.scores.first."] = f"{name}.score.0."
            names[f"{name}.scores.rest."] = f"{name}.score."
            names[f"{name}.slopes"] = f"{name}.activation.weight"
        tables = ("category_match", "place", "place_match", "kind", "kind_match")
        return with_names(ours, names, tables)


def _pooled(scores: Tensor, items: Tensor, used: Tensor) -> Tensor:
    """``items`` [B, T, d] summed by the softmax of ``scores`` [B, T] where ``used``: [B, d]."""
    weights = torch.softmax(scores.masked_fill(~used, -1e9), dim=1) * used
    return torch.bmm(weights.unsqueeze(1), items).squeeze(1)
