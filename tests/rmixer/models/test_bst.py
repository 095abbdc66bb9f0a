"""BST against torch's transformer layer over all of the sequence."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from rmixer.models.bst import BST

ITEMS, CATEGORIES, DAYS, USERS = 20, 5, 9, 7
PLACES, DIM, HEADS = 6, 4, 3
WIDTH = 3 * DIM
LENGTHS = (1, 6, 3, 2, 5)
CONFIG = {
    "users": USERS,
    "items": ITEMS,
    "categories": CATEGORIES,
    "days": DAYS,
    "history_max": PLACES,
    "dim": DIM,
    "heads": HEADS,
    "feed_forward": 10,
    "dropout": 0.5,
    "top_mlp": (8, 5, 1),
}


def batch() -> dict[str, Tensor]:
    samples, inside = len(LENGTHS), torch.arange(PLACES) < torch.tensor(LENGTHS).unsqueeze(1)
    return {
        "user": torch.randint(0, USERS, (samples,)),
        "history_items": torch.randint(0, ITEMS, inside.shape) * inside,
        "history_categories": torch.randint(0, CATEGORIES, inside.shape) * inside,
        "history_days": torch.randint(0, DAYS, inside.shape) * inside,
        "history_length": torch.tensor(LENGTHS),
        "target_item": torch.randint(0, ITEMS, (samples,)),
        "target_category": torch.randint(0, CATEGORIES, (samples,)),
    }


@pytest.fixture
def model() -> BST:
    torch.manual_seed(6)
    model = BST(CONFIG).double()
    for parameter in model.parameters():
        parameter.data.normal_(std=0.6)
    return model


def torchs_layer(model: BST) -> nn.TransformerEncoderLayer:
    """The same block by torch, without dropout, with the same weights."""
    layer = nn.TransformerEncoderLayer(
        WIDTH, HEADS, 10, 0.0, leaky_relu, batch_first=True, dtype=torch.float64
    )
    ours, attention = model.block, layer.self_attn
    no_bias = torch.zeros(WIDTH, dtype=torch.float64)
    assert attention.in_proj_weight is not None
    weights = [part.weight.data for part in (ours.query, ours.key, ours.value)]
    attention.in_proj_weight.data.copy_(torch.cat(weights))
    biases = [ours.query.bias.data, no_bias, ours.value.bias.data]
    attention.in_proj_bias.data.copy_(torch.cat(biases))
    pairs = (
        (attention.out_proj, ours.output),
        (layer.linear1, ours.widen),
        (layer.linear2, ours.narrow),
        (layer.norm1, ours.norm_1),
        (layer.norm2, ours.norm_2),
    )
    for theirs, mine in pairs:
        theirs.load_state_dict(mine.state_dict())
    return layer


def test_logits_and_gradients_are_those_of_torchs_layer(model: BST) -> None:
    model.eval()
    given = batch()
    ids, rows = model.gather(given)
    for values in rows.values():
        values.requires_grad_()
    logits = model(given, rows)
    wanted = torch.randn_like(logits)
    (logits * wanted).sum().backward()

    layer = torchs_layer(model)
    tables = {name: table.detach().clone().requires_grad_() for name, table in model.tables.items()}
    item, category, days = tables["shared"].split([ITEMS, CATEGORIES, DAYS])
    no_days = torch.zeros_like(given["target_item"])

    def vectors(items: Tensor, categories: Tensor, ages: Tensor) -> Tensor:
        return torch.cat([item[items], category[categories], days[ages]], dim=-1)

    history = vectors(given["history_items"], given["history_categories"], given["history_days"])
    target = vectors(given["target_item"], given["target_category"], no_days)
    ours = {name: p.grad for name, p in model.named_parameters() if p.requires_grad}
    model.zero_grad()
    expected = []
    for sample, length in enumerate(LENGTHS):
        sequence = torch.cat([history[sample, :length], target[sample : sample + 1]])
        of_target = layer(sequence.unsqueeze(0))[0, -1]
        user = tables["user"][given["user"][sample]]
        expected.append(model.top(torch.cat([user, of_target])))
    theirs = torch.cat(expected)
    torch.testing.assert_close(logits, theirs, rtol=0, atol=1e-9)
    (theirs * wanted).sum().backward()

    of_projections = layer.self_attn.in_proj_weight.grad.chunk(3)
    of_biases = layer.self_attn.in_proj_bias.grad.chunk(3)
    assert of_biases[1].abs().max() < 1e-12, "why ours has no such bias"
    compared = {
        "query.weight": of_projections[0],
        "key.weight": of_projections[1],
        "value.weight": of_projections[2],
        "query.bias": of_biases[0],
        "value.bias": of_biases[2],
    }
    named = {
        "output": layer.self_attn.out_proj,
        "widen": layer.linear1,
        "narrow": layer.linear2,
        "norm_1": layer.norm1,
        "norm_2": layer.norm2,
    }
    for name, part in named.items():
        compared |= {f"{name}.{kind}": p.grad for kind, p in part.named_parameters()}
    compared = {f"block.{name}": gradient for name, gradient in compared.items()}
    compared |= {f"top.{name}": p.grad for name, p in model.top.named_parameters()}
    assert set(compared) == set(ours)
    for name, gradient in compared.items():
        assert gradient.abs().max() > 1e-6, name
        torch.testing.assert_close(ours[name], gradient, rtol=0, atol=1e-9, msg=name)
    for name, table in tables.items():
        summed = torch.zeros_like(table).index_add_(0, ids[name], rows[name].grad)
        torch.testing.assert_close(summed, table.grad, rtol=0, atol=1e-9)


def test_padding_changes_nothing_and_gets_no_gradient(model: BST) -> None:
    model.eval()
    given = batch()
    _, rows = model.gather(given)
    for values in rows.values():
        values.requires_grad_()
    logits = model(given, rows)
    logits.sum().backward()
    padding = (torch.arange(PLACES) >= torch.tensor(LENGTHS).unsqueeze(1)).flatten()
    assert rows["shared"].grad is not None
    for of_history in rows["shared"].grad.split(3 * [30] + 3 * [5])[:3]:
        assert of_history[padding].abs().max() == 0.0
        assert of_history[~padding].abs().min() > 0.0

    other = dict(given)
    for name in ("history_items", "history_categories", "history_days"):
        other[name] = given[name] + 2 * padding.view(5, PLACES)
    torch.testing.assert_close(model(other, model.gather(other)[1]), logits)


def test_dropout_is_of_training_alone(model: BST) -> None:
    given = batch()
    rows = model.gather(given)[1]
    one, other = model(given, rows), model(given, rows)
    assert not torch.equal(one, other)
    model.eval()
    assert torch.equal(model(given, rows), model(given, rows))
