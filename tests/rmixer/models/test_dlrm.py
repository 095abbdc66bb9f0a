"""DLRM against its formula, written out in loops."""

from __future__ import annotations

import numpy as np
import torch

from rmixer.models.dlrm import DLRM

CONFIG = {
    "dense": 3,
    "fields": 4,
    "rows": 50,
    "embedding_dim": 2,
    "bottom_mlp": (5, 2),
    "top_mlp": (6, 1),
}


def linear(layer: torch.nn.Module, x: np.ndarray) -> np.ndarray:
    weight, bias = (value.detach().numpy() for value in (layer.weight, layer.bias))
    return np.array([sum(w * v for w, v in zip(row, x, strict=True)) for row in weight]) + bias


def test_logits_are_the_papers() -> None:
    torch.manual_seed(1)
    model = DLRM(CONFIG)
    for parameter in model.parameters():
        parameter.data.normal_()
    batch = {"dense": torch.randn(7, 3), "ids": torch.randint(0, 50, (7, 4))}
    _, rows = model.gather(batch)
    logits = model(batch, rows).detach().numpy()
    table = model.tables["shared"].numpy()
    for sample in range(7):
        z = linear(model.bottom[0], batch["dense"][sample].numpy())
        z = np.maximum(linear(model.bottom[2], np.maximum(z, 0)), 0)
        vectors = [z] + [table[i] for i in batch["ids"][sample]]
        dots = [
            float(vectors[i] @ vectors[j])
            for i in range(len(vectors))
            for j in range(i + 1, len(vectors))
        ]
        hidden = np.maximum(linear(model.top[0], np.concatenate([z, dots])), 0)
        expected = linear(model.top[2], hidden)[0]
        np.testing.assert_allclose(logits[sample], expected, rtol=1e-4, atol=1e-5)
