"""DIEN as in its paper: torch's GRU, then one with an attentional update gate, step by step
(arXiv 1809.03672). Both the authors' sizes and DeepRecSys'."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from experiments.bench.plain.din import LocalActivation
from experiments.bench.plain.network import PlainNetwork, layers
from rmixer.models.base import RecommendationModel


class AttentionalGRU(nn.Module):
    """The last state [B, hidden] of a GRU over inputs [T, B, width] whose update gate is
    multiplied by attention [T, B]."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.inputs = nn.Linear(width, 3 * hidden)
        self.recurrent = nn.Linear(hidden, 3 * hidden)

    def forward(self, inputs: Tensor, attention: Tensor) -> Tensor:
        state = inputs.new_zeros(inputs.shape[1], self.hidden)
        for of_input, weight in zip(self.inputs(inputs), attention.unsqueeze(-1), strict=True):
            update_in, reset_in, new_in = of_input.chunk(3, dim=-1)
            update_of, reset_of, new_of = self.recurrent(state).chunk(3, dim=-1)
            update = weight * torch.sigmoid(update_in + update_of)
            reset = torch.sigmoid(reset_in + reset_of)
            new = torch.tanh(new_in + reset * new_of)
            state = (1.0 - update) * state + update * new
        return state


def torchs_gru(found: dict[str, Tensor], ours: str, theirs: str, layer: int) -> None:
    """Rename the weights of our GRU ``ours`` in ``found`` to those of a layer of ``nn.GRU``.

    Torch's gates stand in the order reset, update, new, and its update gate keeps the old state
    where ours lets the new one in: its sign is the other.
    """
    for name, kind in (("inputs", "ih"), ("recurrent", "hh")):
        for part in ("weight", "bias"):
            update, reset, new = found.pop(f"{ours}.{name}.{part}").chunk(3)
            found[f"{theirs}.{part}_{kind}_l{layer}"] = torch.cat([reset, -update, new])


class PlainDIEN(PlainNetwork):
    """:class:`rmixer.models.dien.DIEN`."""

    def __init__(self, model: RecommendationModel) -> None:
        super().__init__(model)
        dim = 2 * self.config["dim"]
        self.extraction = nn.GRU(dim, dim, self.config["gru_layers"])
        self.attention = LocalActivation(dim, self.config["attention_mlp"])
        self.evolution = AttentionalGRU(dim, dim)
        self.top = layers(2 * dim, self.config["top_mlp"], nn.Sigmoid)

    def logits(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        return self._parts(batch, rows)[0]

    def loss(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        logits, interests, history, others = self._parts(batch, rows)
        clicks = binary_cross_entropy_with_logits(logits.float(), batch["label"])
        before = interests[:-1]
        right = logsigmoid((before * history[1:]).sum(-1))
        right = right + logsigmoid(-(before * others[1:]).sum(-1))
        real = torch.arange(1, len(history)).unsqueeze(1) < batch["history_length"]
        auxiliary = -(right * real).sum(0).mean()
        weight: float = self.config["auxiliary_weight"]
        return clicks + weight * auxiliary.float()

    def _parts(
        self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Logits; interests, history and other items, [T, B, 2 dim] each."""
        samples, places = batch["history_items"].shape
        of_places = samples * places
        items, categories = (
            part.split([of_places, of_places, samples]) for part in rows["shared"].chunk(2)
        )
        history, others, target = (
            torch.cat(pair, dim=-1) for pair in zip(items, categories, strict=True)
        )
        history, others = history.view(places, samples, -1), others.view(places, samples, -1)
        interests, _ = self.extraction(history)
        weights = self.attention(interests.transpose(0, 1), target, batch["history_length"])
        last = self.evolution(interests, weights.t())
        logits: Tensor = self.top(torch.cat([last, target], dim=-1)) + rows["item_bias"]
        return logits.squeeze(1), interests, history, others

    def renamed(self, ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
        found = LocalActivation.renamed(ours, "attention")
        for layer in range(self.config["gru_layers"]):
            torchs_gru(found, f"extraction.{layer}", "extraction", layer)
        return found


class PlainDeepRecSysDIEN(PlainNetwork):
    """:class:`rmixer.models.deeprecsys_dien.DeepRecSysDIEN`."""

    def __init__(self, model: RecommendationModel) -> None:
        super().__init__(model)
        dim, hidden = self.config["embedding_dim"], self.config["hidden"]
        self.extraction = nn.GRU(dim, hidden, batch_first=True)
        self.bilinear = nn.Linear(dim, hidden, bias=False)
        self.evolution = AttentionalGRU(hidden, hidden)
        self.top = layers(3 * dim + hidden, self.config["top_mlp"], nn.ReLU)

    def logits(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        vectors = rows["shared"].view(*batch["ids"].shape, -1)
        profile, advertisement, context = vectors[:, 0], vectors[:, -2], vectors[:, -1]
        interests, _ = self.extraction(vectors[:, 1:-2])
        asked = self.bilinear(advertisement).unsqueeze(-1)
        weights = torch.softmax(torch.bmm(interests, asked).squeeze(-1), dim=1)
        last = self.evolution(interests.transpose(0, 1), weights.t())
        return torch.squeeze(
            self.top(torch.cat([profile, last, advertisement, context], dim=-1)), 1
        )

    def renamed(self, ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
        found = dict(ours)
        torchs_gru(found, "extraction", "extraction", 0)
        return found
