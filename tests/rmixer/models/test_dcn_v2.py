"""DCN V2's penalty, its dropout, and what its input does to large and missing values."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy

from rmixer.models.dcn_v2 import DCNv2

CONFIG = {
    "dense": 3,
    "fields": 4,
    "rows": 50,
    "embedding_dim": 2,
    "dense_projection": 5,
    "cross_layers": 2,
    "experts": 3,
    "rank": 2,
    "mlp": (400, 300),
    "dropout": 0.5,
    "l2": 0.01,
}


def a_batch() -> dict[str, Tensor]:
    torch.manual_seed(5)
    label = torch.arange(8) % 2
    return {
        "dense": torch.rand(8, 3) * 100,
        "ids": torch.randint(0, 50, (8, 4)),
        "label": label.float(),
    }


def test_the_loss_is_cross_entropy_and_half_the_sum_of_the_mlps_squared_weights() -> None:
    batch = a_batch()
    model = DCNv2(CONFIG).eval()
    _, rows = model.gather(batch)
    probability = torch.sigmoid(model(batch, rows))
    clicks = binary_cross_entropy(probability, batch["label"])
    weights = [layer.weight for layer in model.deep.modules() if isinstance(layer, torch.nn.Linear)]
    assert [tuple(weight.shape) for weight in weights] == [(400, 13), (300, 400)]
    penalty = sum((weight**2).sum().item() for weight in weights)
    assert model.loss(batch, rows).item() == pytest.approx(
        clicks.item() + 0.5 * 0.01 * penalty, rel=1e-5
    )


def test_dropout_takes_half_of_each_layers_units_once() -> None:
    batch = a_batch()
    model = DCNv2(CONFIG)
    _, rows = model.gather(batch)
    shares: list[float] = []
    for index in (1, 3):
        model.deep[index].register_forward_hook(
            lambda module, given, out: shares.append(float((out == 0).float().mean()))
        )
    for layer in (model.deep[0], model.deep[2]):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.ones_(layer.bias)
    model(batch, rows)
    assert shares == pytest.approx([0.5, 0.5], abs=0.05)


def test_dense_values_enter_by_their_logarithm() -> None:
    batch = a_batch()
    model = DCNv2(CONFIG).eval()
    seen: list[Tensor] = []
    model.projection.register_forward_hook(lambda module, given, out: seen.append(given[0]))
    batch["dense"][0] = torch.tensor([0.0, -0.5, 1.0])
    model(batch, model.gather(batch)[1])
    assert seen[0][0].tolist() == pytest.approx([0.0, 0.0, 0.6931472])
    torch.testing.assert_close(seen[0][1:], torch.log(1.0 + batch["dense"][1:]))
