"""BST as in its paper: a transformer layer over the history and the target (arXiv 1905.06874)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from experiments.bench.plain.network import PlainNetwork, layers, with_names
from rmixer.models.base import RecommendationModel


class PlainBST(PlainNetwork):
    """:class:`rmixer.models.bst.BST`."""

    def __init__(self, model: RecommendationModel) -> None:
        super().__init__(model)
        width = 3 * self.config["dim"]
        self.layer = nn.TransformerEncoderLayer(
            width,
            self.config["heads"],
            self.config["feed_forward"],
            self.config["dropout"],
            activation=leaky_relu,
            batch_first=True,
        )
        # The model drops what the two halves of the layer add, and nothing inside them.
        self.layer.self_attn.dropout = 0.0
        self.layer.dropout = nn.Identity()  # type: ignore[assignment]
        self.top = layers(2 * width, self.config["top_mlp"], nn.LeakyReLU)

    def logits(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        samples, places = batch["history_items"].shape
        parts = rows["shared"].split(3 * [samples * places] + 3 * [samples])
        history = torch.cat(parts[:3], dim=-1).view(samples, places, -1)
        target = torch.cat(parts[3:], dim=-1).unsqueeze(1)
        # The target stands last and always counts.
        padding = torch.arange(places + 1) >= batch["history_length"].unsqueeze(1)
        padding[:, -1] = False
        found = self.layer(torch.cat([history, target], dim=1), src_key_padding_mask=padding)
        return torch.squeeze(self.top(torch.cat([rows["user"], found[:, -1]], dim=-1)), 1)

    def renamed(self, ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
        found = with_names(
            ours,
            {
                "block.output.": "layer.self_attn.out_proj.",
                "block.widen.": "layer.linear1.",
                "block.narrow.": "layer.linear2.",
                "block.norm_1.": "layer.norm1.",
                "block.norm_2.": "layer.norm2.",
            },
        )
        weights = [found.pop(f"block.{part}.weight") for part in ("query", "key", "value")]
        biases = [found.pop(f"block.{part}.bias") for part in ("query", "value")]
        biases.insert(1, torch.zeros_like(biases[0]))  # keys' biases change no softmax
        found["layer.self_attn.in_proj_weight"] = torch.cat(weights)
        found["layer.self_attn.in_proj_bias"] = torch.cat(biases)
        return found
