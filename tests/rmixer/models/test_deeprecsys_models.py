"""NCF, multi-task Wide & Deep, and DeepRecSys' DIN and DIEN against their formulas."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor

from rmixer.models.base import RecommendationModel
from rmixer.models.deeprecsys_dien import DeepRecSysDIEN
from rmixer.models.deeprecsys_din import DeepRecSysDIN
from rmixer.models.gru import GRU
from rmixer.models.metrics import auc
from rmixer.models.multi_task_wide_deep import MultiTaskWideDeep
from rmixer.models.ncf import NCF


def with_large_weights(model: RecommendationModel) -> RecommendationModel:
    torch.manual_seed(1)
    for parameter in model.parameters():
        parameter.data.normal_(std=0.7)
    return model


def same_values_and_gradients(
    model: RecommendationModel, batch: Mapping[str, Tensor], expected: Tensor
) -> None:
    """``expected`` are logits computed from ``model.tables`` as leaves and from its layers."""
    dense = [p for p in model.parameters() if p.requires_grad and p.is_leaf]
    tables = list(model.tables.values())
    dense = [p for p in dense if not any(p is table for table in tables)]
    ids, rows = model.gather(batch)
    leaf = rows["shared"].detach().requires_grad_()
    logits = model(batch, {"shared": leaf})
    torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-5)
    weight = torch.randn_like(logits)
    ours = torch.autograd.grad((logits * weight).sum(), [*dense, leaf])
    theirs = torch.autograd.grad((expected * weight).sum(), [*dense, *tables])
    for one, other in zip(ours[:-1], theirs, strict=False):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    bags = model.bags_of("shared")
    of_places = ours[-1]
    if bags is not None:
        fields = bags.field_of + torch.arange(0, len(of_places), len(bags.sizes)).unsqueeze(1)
        of_places = of_places[fields.flatten()]
    of_table = torch.zeros_like(tables[0]).index_add(0, ids["shared"], of_places)
    torch.testing.assert_close(of_table, theirs[-1], rtol=1e-4, atol=1e-4)


def watched(model: RecommendationModel) -> Tensor:
    """The one table, its gradient wanted."""
    return model.tables["shared"].requires_grad_()


def test_ncf_is_the_papers() -> None:
    config = {"users": 6, "items": 4, "dim": 3, "mlp": (5, 4)}
    model = with_large_weights(NCF(config))
    batch = {"ids": torch.stack([torch.randint(0, 6, (7,)), torch.randint(0, 4, (7,))], dim=1)}
    user_product, item_product, user_mlp, item_mlp = watched(model).split([6, 4, 6, 4])
    expected = []
    for user, item in batch["ids"].tolist():
        product = user_product[user] * item_product[item]
        x = torch.cat([user_mlp[user], item_mlp[item]])
        for layer in (model.mlp[0], model.mlp[2]):
            x = torch.clamp(layer.weight @ x + layer.bias, min=0)
        h = model.head.weight[0]
        expected.append(h[:3] @ product + h[3:] @ x + model.head.bias[0])
    same_values_and_gradients(model, batch, torch.stack(expected))


@pytest.mark.parametrize("tasks", [1, 3])
def test_every_task_has_a_tower_on_the_shared_bottom(tasks: int) -> None:
    config = {
        "dense": 3,
        "rows": (5, 8),
        "embedding_dim": 2,
        "bottom_mlp": (6, 5),
        "task_mlp": (4, 1),
        "tasks": tasks,
    }
    model = with_large_weights(MultiTaskWideDeep(config))
    labels = torch.randint(0, 2, (7, tasks)).float()
    batch = {
        "dense": torch.randn(7, 3),
        "ids": torch.stack([torch.randint(0, 5, (7,)), torch.randint(0, 8, (7,))], dim=1),
        "label": labels.squeeze(1) if tasks == 1 else labels,
    }
    one, other = watched(model).split([5, 8])
    expected = []
    for i in range(7):
        x = torch.cat([batch["dense"][i], one[batch["ids"][i, 0]], other[batch["ids"][i, 1]]])
        for layer in (model.bottom[0], model.bottom[2]):
            x = torch.clamp(layer.weight @ x + layer.bias, min=0)
        for tower in model.towers:
            hidden = torch.clamp(tower[0].weight @ x + tower[0].bias, min=0)
            expected.append(tower[2].weight[0] @ hidden + tower[2].bias[0])
    logits = torch.stack(expected).view(batch["label"].shape)
    same_values_and_gradients(model, batch, logits)

    entropies = [
        -torch.log(torch.sigmoid(z if y else -z))
        for z, y in zip(logits.flatten(), labels.flatten(), strict=True)
    ]
    loss = model.loss(batch, model.gather(batch)[1])
    torch.testing.assert_close(loss, sum(entropies) / len(entropies))
    measured = model.measure(batch, model.gather(batch)[1])
    found = model.quality({name: value.detach().numpy() for name, value in measured.items()})
    assert found["loss"] == pytest.approx(loss.item(), rel=1e-5)
    scores = logits.detach().view(7, tasks).numpy()
    areas = [auc(labels[:, t].numpy(), scores[:, t]) for t in range(tasks)]
    assert found["auc"] == pytest.approx(np.mean(areas))


def test_deeprecsys_din_weighs_pooled_behaviours_against_the_advertisement() -> None:
    rows = (5, 6, 7, 4, 3)
    config = {
        "rows": rows,
        "bag_sizes": (2,) * 5,
        "embedding_dim": 3,
        "attention_mlp": (2, 3),
        "top_mlp": (5, 1),
    }
    model = with_large_weights(DeepRecSysDIN(config))
    ids = torch.cat([torch.randint(0, n, (7, 2)) for n in rows], dim=1)
    tables = watched(model).split(list(rows))
    expected = []
    for i in range(7):
        pooled = [
            table[ids[i, 2 * field]] + table[ids[i, 2 * field + 1]]
            for field, table in enumerate(tables)
        ]
        profile, first, second, shown, context = pooled
        interest = torch.zeros(3)
        for behaviour in (first, second):
            x = torch.cat([behaviour, shown, behaviour + shown])
            for layer in (model.unit[0], model.unit[2]):
                x = torch.clamp(layer.weight @ x + layer.bias, min=0)
            interest = interest + x
        x = torch.cat([profile, interest, shown, context])
        hidden = torch.clamp(model.top[0].weight @ x + model.top[0].bias, min=0)
        expected.append(model.top[2].weight[0] @ hidden + model.top[2].bias[0])
    same_values_and_gradients(model, {"ids": ids}, torch.stack(expected))


def gru_step(layer: GRU, i: Tensor, h: Tensor, a: Tensor) -> Tensor:
    """The paper's equations for one sample and position."""
    w, b, n = layer.inputs.weight, layer.inputs.bias, len(h)
    u, c = layer.recurrent.weight, layer.recurrent.bias
    update = torch.sigmoid(w[:n] @ i + b[:n] + u[:n] @ h + c[:n]) * a
    reset = torch.sigmoid(w[n : 2 * n] @ i + b[n : 2 * n] + u[n : 2 * n] @ h + c[n : 2 * n])
    fresh = torch.tanh(w[2 * n :] @ i + b[2 * n :] + reset * (u[2 * n :] @ h + c[2 * n :]))
    return (1 - update) * h + update * fresh


def test_gru_with_attention_position_by_position_and_attention_of_zero_is_padding() -> None:
    torch.manual_seed(2)
    layer = GRU(3, 4)
    inputs = torch.randn(5, 6, 3, requires_grad=True)
    attention = torch.rand(5, 6)
    attention[2, 4:] = 0.0
    states, found = layer(inputs, attention)
    torch.testing.assert_close(states[-1], found)
    for sample in range(5):
        state = torch.zeros(4)
        for position in range(4 if sample == 2 else 6):
            i, a = inputs[sample, position], attention[sample, position]
            state = gru_step(layer, i, state, a)
        torch.testing.assert_close(found[sample], state)
    found.sum().backward()
    assert inputs.grad is not None
    assert inputs.grad[2, 4:].abs().max() == 0.0


def test_deeprecsys_dien_is_the_papers_evolution() -> None:
    rows = (5, 4, 4, 4, 6, 3)
    config = {"rows": rows, "embedding_dim": 3, "hidden": 4, "top_mlp": (5, 1)}
    model = with_large_weights(DeepRecSysDIEN(config))
    ids = torch.stack([torch.randint(0, n, (7,)) for n in rows], dim=1)
    tables = watched(model).split(list(rows))
    expected = []
    for i in range(7):
        profile, *behaviours, shown, context = (
            table[ids[i, field]] for field, table in enumerate(tables)
        )
        states, state = [], torch.zeros(4)
        for behaviour in behaviours:
            state = gru_step(model.extraction, behaviour, state, torch.ones(()))
            states.append(state)
        scores = torch.stack([h @ model.bilinear.weight @ shown for h in states])
        weights = torch.exp(scores) / torch.exp(scores).sum()
        interest = torch.zeros(4)
        for h, weight in zip(states, weights, strict=True):
            interest = gru_step(model.evolution, h, interest, weight)
        x = torch.cat([profile, interest, shown, context])
        hidden = torch.clamp(model.top[0].weight @ x + model.top[0].bias, min=0)
        expected.append(model.top[2].weight[0] @ hidden + model.top[2].bias[0])
    same_values_and_gradients(model, {"ids": ids}, torch.stack(expected))
