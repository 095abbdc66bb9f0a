"""DMR: a user's behaviours matched to the ad's category, then ranked with it (AAAI 2020)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, embedding

from rmixer.models.base import RecommendationModel
from rmixer.models.dmr_attention import INITIAL_SLOPE, ItemToItemScores, UserToItemScores
from rmixer.models.tied_softmax import masked_cross_entropy

INITIAL_STD = 0.05
_CATEGORY, _BRAND = 2, 3


class DMR(RecommendationModel):
    """A behaviour is e_t = [its category's row, its brand's row]; z_t scores it by its place and
    kind, z^_t by those and by the target e.

    User to item: u = PReLU(W Σ_t softmax(z)_t e_t + b), r = <u, v_c> for the target's category c,
    where v is a table of the match network. Item to item: u^ = Σ_t softmax(z^)_t e_t, r^ = Σ_t
    z^_t. With h = Σ_t e_t the logit is an MLP (PReLU) of BatchNorm([user, ad, profile, price, h, e
    * h, r, r^, u^]). The loss adds a share of the match network's: u of all behaviours but the
    newest predicts the newest one's category by a softmax over all categories, of which the paper's
    sampled negatives are an estimate.

    Batches have ``ids`` [B, 6] (user, ad, category, brand, campaign, customer), ``levels``
    [B, fields] (the profile and where the ad is shown), ``price`` [B] and the behaviours, the
    newest at place 0: ``history_categories``, ``history_brands``, ``history_kinds`` [B,
    history_max], ``history_length`` [B], which may be 0. Padding changes nothing and gets a
    gradient of exactly zero.
    """

    inputs: ClassVar = (
        "ids",
        "levels",
        "price",
        "history_categories",
        "history_brands",
        "history_kinds",
        "history_length",
        "label",
    )
    first_ids: Tensor
    first_levels: Tensor
    places: Tensor
    rows_of_places: Tensor
    newest_of_rows: Tensor
    no_bias: Tensor

    def __init__(self, config: Mapping[str, Any], rows_cap: int | None = None) -> None:
        super().__init__(config, rows_cap)
        dim, small, most = config["dim"], config["small_dim"], config["history_max"]
        first_ids = self.add_table("shared", config["ids"], dim, INITIAL_STD)
        first_levels = self.add_table("levels", config["levels"], small, INITIAL_STD)
        categories, kinds = config["ids"][_CATEGORY], config["kinds"]
        self.match = self.add_dense_table("category_match", categories, dim, INITIAL_STD)
        self.place = self.add_dense_table("place", most, small, INITIAL_STD)
        self.place_match = self.add_dense_table("place_match", most, small, INITIAL_STD)
        self.kind = self.add_dense_table("kind", kinds, small, INITIAL_STD)
        self.kind_match = self.add_dense_table("kind_match", kinds, small, INITIAL_STD)
        item = 2 * dim
        self.user_to_item = UserToItemScores(item, small, most, config["attention_mlp"])
        self.item_to_item = ItemToItemScores(item, small, most, config["attention_mlp"])
        self.user = _prelu_mlp(item, (dim,), activate_last=True)
        inputs = 6 * dim + len(config["levels"]) * small + 1 + 3 * item + 2
        self.norm = nn.BatchNorm1d(inputs, eps=1e-3, momentum=0.01)
        self.top = _prelu_mlp(inputs, config["mlp"])
        places = torch.arange(most)
        buffers = {
            "first_ids": torch.tensor(first_ids).unsqueeze(1),
            "first_levels": torch.tensor(first_levels),
            "places": places,
            # A cap may leave fewer rows than places, like ids of any table.
            "rows_of_places": places % self.capped(most),
            # Of the three weightings of behaviours, the second leaves out the newest.
            "newest_of_rows": torch.tensor([0, 1, 0]).unsqueeze(1),
            "no_bias": torch.zeros(self.capped(categories)),
        }
        for name, values in buffers.items():
            self.register_buffer(name, values, persistent=False)

    def table_ids(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        of_ad = (batch["ids"].t() + self.first_ids).flatten()
        categories = (batch["history_categories"] + self.first_ids[_CATEGORY]).flatten()
        brands = (batch["history_brands"] + self.first_ids[_BRAND]).flatten()
        levels = (batch["levels"] + self.first_levels).flatten()
        return {"shared": torch.cat([of_ad, categories, brands]), "levels": levels}

    def forward(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        return self._logits_and_users(batch, rows)[0]

    def loss(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        """The clicks' mean cross-entropy, and a share of the match network's."""
        logits, users = self._logits_and_users(batch, rows)
        clicks = binary_cross_entropy_with_logits(logits.float(), batch["label"])
        has_two = (batch["history_length"] > 1).to(self.match.dtype)
        weights = has_two * (self.config["match_weight"] / len(logits))
        newest = batch["history_categories"][:, 0]
        return clicks + masked_cross_entropy(users, self.match, self.no_bias, newest, weights)

    def _logits_and_users(
        self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Logits, and u from all behaviours but the newest, [B, dim]."""
        samples, most = batch["history_kinds"].shape
        slots = samples * most
        of_ad, categories, brands = rows["shared"].split([6 * samples, slots, slots])
        of_ad = of_ad.view(6, samples, -1).transpose(0, 1).reshape(samples, -1)
        dim = of_ad.shape[1] // 6
        target = of_ad[:, _CATEGORY * dim : (_BRAND + 1) * dim]
        items = torch.cat([categories, brands], dim=1).view(samples, most, -1)
        context = batch["history_kinds"] * most + self.places
        place, place_match = (
            table.index_select(0, self.rows_of_places) for table in (self.place, self.place_match)
        )
        scores = self.user_to_item(items, context, place_match, self.kind_match)
        scores_of_ad = self.item_to_item(items, target, context, place, self.kind)

        length = batch["history_length"].unsqueeze(1)
        inside = (self.places < length).to(scores.dtype)
        used = (self.places < length.unsqueeze(2)) & (self.places >= self.newest_of_rows)
        stacked = torch.stack([scores, scores, scores_of_ad], dim=1)
        weights = torch.softmax(stacked.masked_fill(~used, -1e9), dim=2) * used
        pooled = torch.bmm(torch.cat([weights, inside.unsqueeze(1)], dim=1), items)
        users = self.user(pooled[:, :2])
        interest, total = pooled[:, 2], pooled[:, 3]
        match = (users[:, 0] * embedding(batch["ids"][:, _CATEGORY], self.match)).sum(1)
        relevance = (scores_of_ad * inside).sum(1)
        numbers = torch.stack([batch["price"], match, relevance], dim=1)
        levels = rows["levels"].view(samples, -1)
        features = [of_ad, levels, numbers, total, target * total, interest]
        logits: Tensor = self.top(self.norm(torch.cat(features, dim=1)))
        return logits.squeeze(1), users[:, 1]


def _prelu_mlp(inputs: int, widths: Sequence[int], activate_last: bool = False) -> nn.Sequential:
    """Linear layers ``inputs`` -> ``widths``, after each but the last (or after that one too) a
    PReLU, with a slope for each unit, or one for all if a layer is applied to several places."""
    layers: list[nn.Module] = []
    for index, (before, after) in enumerate(pairwise((inputs, *widths)), 1):
        linear = nn.Linear(before, after)
        nn.init.xavier_normal_(linear.weight)
        nn.init.zeros_(linear.bias)
        layers.append(linear)
        if activate_last or index < len(widths):
            layers.append(nn.PReLU(1 if activate_last else after, INITIAL_SLOPE))
    return nn.Sequential(*layers)
