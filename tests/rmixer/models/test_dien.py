"""DIEN's loss against its formula, one sample and one behaviour after another."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import linear

from rmixer.models.dien import DIEN
from rmixer.models.gru import GRU

ITEMS, CATEGORIES, PLACES, DIM = 20, 5, 5, 3
LENGTHS = (1, 5, 3, 2)
CONFIG = {
    "items": ITEMS,
    "categories": CATEGORIES,
    "history_max": PLACES,
    "dim": DIM,
    "gru_layers": 2,
    "attention_mlp": (4, 3, 1),
    "top_mlp": (4, 3, 1),
    "auxiliary_weight": 0.6,
}


def batch() -> dict[str, Tensor]:
    inside = torch.arange(PLACES) < torch.tensor(LENGTHS).unsqueeze(1)
    return {
        "history_items": torch.randint(0, ITEMS, inside.shape) * inside,
        "history_categories": torch.randint(0, CATEGORIES, inside.shape) * inside,
        "negative_items": torch.randint(0, ITEMS, inside.shape) * inside,
        "negative_categories": torch.randint(0, CATEGORIES, inside.shape) * inside,
        "history_length": torch.tensor(LENGTHS),
        "target_item": torch.randint(0, ITEMS, (4,)),
        "target_category": torch.randint(0, CATEGORIES, (4,)),
        "label": torch.tensor([1.0, 0.0, 0.0, 1.0], dtype=torch.float64),
    }


def model_with_large_weights() -> DIEN:
    torch.manual_seed(4)
    model = DIEN(CONFIG).double()
    for parameter in model.parameters():
        parameter.data.normal_(std=0.7)
    return model


def gru_step(layer: GRU, i: Tensor, h: Tensor, attention: Tensor | float = 1.0) -> Tensor:
    w_u, w_r, w_n = layer.inputs.weight.chunk(3)
    b_u, b_r, b_n = layer.inputs.bias.chunk(3)
    v_u, v_r, v_n = layer.recurrent.weight.chunk(3)
    c_u, c_r, c_n = layer.recurrent.bias.chunk(3)
    u = attention * torch.sigmoid(linear(i, w_u, b_u) + linear(h, v_u, c_u))
    r = torch.sigmoid(linear(i, w_r, b_r) + linear(h, v_r, c_r))
    n = torch.tanh(linear(i, w_n, b_n) + r * linear(h, v_n, c_n))
    return (1 - u) * h + u * n


def reference(model: DIEN, given: dict[str, Tensor], tables: dict[str, Tensor]) -> Tensor:
    """The loss of a batch."""
    item, category = tables["shared"].split([ITEMS, CATEGORIES])

    def vectors(kind: str, sample: int) -> list[Tensor]:
        items, categories = given[f"{kind}_items"][sample], given[f"{kind}_categories"][sample]
        return [torch.cat([item[i], category[c]]) for i, c in zip(items, categories, strict=True)]

    total = torch.zeros((), dtype=torch.float64)
    for sample, length in enumerate(LENGTHS):
        place = given["target_item"][sample]
        target = torch.cat([item[place], category[given["target_category"][sample]]])
        history, others = vectors("history", sample)[:length], vectors("negative", sample)
        interests = history
        for layer in model.extraction:
            assert isinstance(layer, GRU)
            state, states = torch.zeros(2 * DIM, dtype=torch.float64), []
            for e in interests:
                state = gru_step(layer, e, state)
                states.append(state)
            interests = states
        for t in range(length - 1):
            right = torch.sigmoid(interests[t] @ history[t + 1])
            wrong = torch.sigmoid(interests[t] @ others[t + 1])
            total = total - 0.6 * (right.log() + (1 - wrong).log())
        scores = []
        for h in interests:
            joined = torch.cat([h, target, h - target, h * target])
            scores.append(model.attention.rest(model.attention.first(joined)) * (2 * DIM) ** -0.5)
        evolved = torch.zeros(2 * DIM, dtype=torch.float64)
        for h, weight in zip(interests, torch.softmax(torch.cat(scores), dim=0), strict=True):
            evolved = gru_step(model.evolution, h, evolved, weight)
        logit = model.top(torch.cat([evolved, target])) + tables["item_bias"][place]
        chance = torch.sigmoid(logit[0])
        total = total - (chance if given["label"][sample] else 1 - chance).log()
    return total / len(LENGTHS)


def test_loss_and_gradients_are_the_formula() -> None:
    model, given = model_with_large_weights(), batch()
    ids, rows = model.gather(given)
    for values in rows.values():
        values.requires_grad_()
    loss = model.loss(given, rows)
    loss.backward()
    parameters = {n: p for n, p in model.named_parameters() if p.requires_grad}
    found = {name: p.grad for name, p in parameters.items()}
    model.zero_grad()

    tables = {name: table.detach().clone().requires_grad_() for name, table in model.tables.items()}
    expected = reference(model, given, tables)
    expected.backward()
    # A logit is cast to single precision, as in a training step.
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=0, check_dtype=False)
    for name, parameter in parameters.items():
        assert parameter.grad is not None
        largest = float(parameter.grad.abs().max())
        assert largest > 0.0, name
        close = {"rtol": 1e-5, "atol": 1e-5 * largest}
        torch.testing.assert_close(found[name], parameter.grad, **close, msg=name)
    for name, table in tables.items():
        gradient = rows[name].grad
        assert table.grad is not None
        assert gradient is not None
        summed = torch.zeros_like(table).index_add_(0, ids[name], gradient)
        torch.testing.assert_close(summed, table.grad, rtol=1e-5, atol=1e-6)


def test_padding_changes_nothing_and_gets_no_gradient() -> None:
    model, given = model_with_large_weights(), batch()
    _, rows = model.gather(given)
    for values in rows.values():
        values.requires_grad_()
    loss = model.loss(given, rows)
    loss.backward()
    padding = torch.arange(PLACES) >= torch.tensor(LENGTHS).unsqueeze(1)
    assert rows["shared"].grad is not None
    history, others, _, *_ = rows["shared"].grad.split(2 * [20, 20, 4])
    by_place = history.view(PLACES, 4, DIM).transpose(0, 1)
    assert by_place[padding].abs().max() == 0.0
    assert by_place[~padding].abs().min() > 0.0
    beside = others.view(PLACES, 4, DIM).transpose(0, 1)
    assert beside[padding].abs().max() == 0.0
    assert beside[:, 0].abs().max() == 0.0, "the first item is not foretold"
    assert beside[:, 1:][~padding[:, 1:]].abs().min() > 0.0

    other = dict(given)
    for name in ("history_items", "negative_items"):
        other[name] = given[name] + 7 * padding
    torch.testing.assert_close(model.loss(other, model.gather(other)[1]), loss)


def test_the_auxiliary_loss_falls_where_interests_tell_items_from_others() -> None:
    """An interest along the next item, against the other one, costs less than the opposite."""
    model, given = model_with_large_weights(), batch()
    swapped = {
        **given,
        "negative_items": given["history_items"],
        "negative_categories": given["history_categories"],
    }
    with torch.no_grad():
        model.auxiliary_weight = 0.0
        clicks = model.loss(given, model.gather(given)[1])
        model.auxiliary_weight = 2.0
        both = model.loss(swapped, model.gather(swapped)[1])
    # Against themselves, right and wrong scores s cost log(1 + e^-s) + log(1 + e^s) >= 2 log 2.
    pairs = sum(length - 1 for length in LENGTHS)
    assert both - clicks >= 2.0 * pairs * 2 * torch.log(torch.tensor(2.0)) / len(LENGTHS)
