"""DPIN against its formula, one sample, position, click and head after another."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rmixer.models.dpin import DPIN, PositionBlock

CONFIG = {
    "users": 20,
    "ads": 30,
    "advertisers": 6,
    "positions": 3,
    "history_max": 4,
    "dim": 2,
    "interest": 5,
    "d_model": 6,
    "heads": 2,
    "blocks": 2,
    "base_mlp": (7, 4),
    "combination_mlp": (5, 1),
}
LENGTHS = ((1, 4, 0), (0, 0, 2), (3, 2, 1), (0, 0, 0))
PADDING = torch.arange(4) >= torch.tensor(LENGTHS).unsqueeze(2)


def batch() -> dict[str, Tensor]:
    inside = (~PADDING).flatten(1)
    return {
        "user": torch.tensor([3, 3, 19, 0]),
        "ad": torch.tensor([1, 29, 7, 7]),
        "advertiser": torch.tensor([5, 1, 2, 2]),
        "position": torch.tensor([0, 2, 1, 1]),
        "history_ads": torch.randint(1, 30, (4, 12)) * inside,
        "history_advertisers": torch.randint(1, 6, (4, 12)) * inside,
        "history_length": torch.tensor(LENGTHS),
        "label": torch.tensor([0.0, 1.0, 1.0, 0.0]),
    }


def model_with_large_weights() -> DPIN:
    torch.manual_seed(1)
    model = DPIN(CONFIG).double()
    for parameter in model.parameters():
        parameter.data.normal_()
    return model


def layer_norm(x: Tensor, norm: nn.LayerNorm) -> Tensor:
    """Over all of ``x`` [positions, width]."""
    mean = x.sum() / x.numel()
    variance = ((x - mean) ** 2).sum() / x.numel()
    return (x - mean) / torch.sqrt(variance + 1e-5) * norm.weight + norm.bias


def block(x: Tensor, layer: PositionBlock) -> Tensor:
    """One transformer block on [positions, width], head by head."""
    positions, width = x.shape
    size = width // layer.heads
    weight, bias = layer.queries_keys_values.weight, layer.queries_keys_values.bias
    attended = []
    for i in range(positions):
        of_heads = []
        for head in range(layer.heads):
            rows = slice(head * size, (head + 1) * size)
            q, k, v = (
                x @ weight[at : at + width][rows].T + bias[at : at + width][rows]
                for at in (0, width, 2 * width)
            )
            scores = [torch.exp(q[i] @ k[j] / math.sqrt(size)) for j in range(positions)]
            of_heads.append(sum(s * v[j] for j, s in enumerate(scores)) / sum(scores))
        attended.append(layer.output(torch.cat(of_heads)))
    x = layer_norm(x + torch.stack(attended), layer.norm_1)
    wide = torch.relu(layer.feed_forward[0](x))
    return layer_norm(x + layer.feed_forward[2](wide), layer.norm_2)


def logit_by_formula(model: DPIN, given: dict[str, Tensor], sample: int, table: Tensor) -> Tensor:
    users, ads, advertisers, clicked_ads, clicked_advertisers = table.split([20, 30, 6, 30, 6])
    user = users[given["user"][sample]]
    ad = ads[given["ad"][sample]]
    context = advertisers[given["advertiser"][sample]]
    item = torch.cat([user, context, ad])
    for layer in (model.base[0], model.base[2]):
        item = torch.relu(layer(item))
    vectors = []
    for k in range(3):
        scores, clicks = [], []
        for slot in range(LENGTHS[sample][k]):
            at = 4 * k + slot
            clicked = clicked_ads[given["history_ads"][sample, at]]
            by = clicked_advertisers[given["history_advertisers"][sample, at]]
            clicks.append(torch.cat([clicked, by]))
            hidden = torch.relu(model.interest.first(torch.cat([clicks[-1], context])))
            scores.append(torch.exp(model.interest.last(hidden)))
        interest = torch.zeros(4, dtype=torch.float64)
        for score, click in zip(scores, clicks, strict=True):
            interest = interest + score / sum(scores) * click
        given_k = torch.cat([model.position[k], context, interest])
        vectors.append(torch.relu(model.interaction[0](given_k)))
    at_positions = torch.stack(vectors)
    for layer in model.blocks:
        at_positions = block(at_positions, layer)
    shown = int(given["position"][sample])
    combined = torch.cat([item, at_positions[shown], model.position_combination[shown]])
    hidden = torch.relu(model.combination[0](combined))
    return model.combination[2](hidden)[0]


def test_logits_and_gradients_are_those_of_the_formula() -> None:
    model, given = model_with_large_weights(), batch()
    ids, rows = model.gather(given)
    rows["shared"].requires_grad_()
    logits = model(given, rows)
    table = model.tables["shared"].detach().clone().requires_grad_()
    expected = torch.stack([logit_by_formula(model, given, i, table) for i in range(4)])
    torch.testing.assert_close(logits, expected, rtol=1e-9, atol=1e-9)

    weights = [p for p in model.parameters() if p.requires_grad]
    direction = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64)
    ours = torch.autograd.grad(logits @ direction, [*weights, rows["shared"]])
    theirs = torch.autograd.grad(expected @ direction, [*weights, table])
    for one, other in zip(ours[:-1], theirs[:-1], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8)
    of_table = torch.zeros_like(table).index_add_(0, ids["shared"], ours[-1])
    torch.testing.assert_close(of_table, theirs[-1], rtol=1e-8, atol=1e-8)


def test_padding_changes_nothing_and_gets_no_gradient() -> None:
    model, given = model_with_large_weights(), batch()
    _, rows = model.gather(given)
    rows["shared"].requires_grad_()
    logits = model(given, rows)
    logits.sum().backward()
    assert rows["shared"].grad is not None
    padding = PADDING.flatten()
    for of_history in rows["shared"].grad[12:].chunk(2):
        assert of_history[padding].abs().max() == 0.0
        assert of_history[~padding].abs().max(dim=1).values.min() > 0.0

    other = {**given, "history_ads": given["history_ads"] + 7 * PADDING.flatten(1)}
    torch.testing.assert_close(model(other, model.gather(other)[1]), logits)


def test_the_user_the_context_and_the_position_matter() -> None:
    model, given = model_with_large_weights(), batch()
    logits = model(given, model.gather(given)[1])
    for name in ("user", "ad", "advertiser", "position"):
        other = {**given, name: (given[name] + 1) % 3}
        assert not torch.isclose(model(other, model.gather(other)[1]), logits).any(), name


def test_quality_tells_positions_apart() -> None:
    """Every impression above is clicked and scored high, every one below neither: AUC sees it,
    PAUC leaves it out, and at the one position with both the order is wrong once in four."""
    measured = {
        "logit": np.array([9, 8, -9, -8, 1, 2, 3, 0], dtype=np.float32),
        "label": np.array([1, 1, 0, 0, 1, 0, 1, 0], dtype=np.float32),
        "position": np.array([0, 0, 2, 2, 1, 1, 1, 1], dtype=np.float32),
    }
    found = DPIN.quality(measured)
    assert found["auc"] == pytest.approx(15 / 16)
    assert found["pauc"] == pytest.approx(3 / 4)
    expected = [
        math.log1p(math.exp(-z if y else z))
        for z, y in zip(measured["logit"].tolist(), measured["label"].tolist(), strict=True)
    ]
    assert found["loss"] == pytest.approx(sum(expected) / 8, rel=1e-6)


def test_a_cap_below_the_number_of_positions_still_works() -> None:
    model = DPIN(CONFIG, rows_cap=2)
    given = {
        name: values % 2 if name not in ("history_length", "label") else values
        for name, values in batch().items()
    }
    assert model(given, model.gather(given)[1]).shape == (4,)
