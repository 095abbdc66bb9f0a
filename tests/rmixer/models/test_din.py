"""DIN against its formula, one history position after another."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rmixer.models.din import DIN

CONFIG = {
    "items": 30,
    "categories": 6,
    "history_max": 5,
    "dim": 3,
    "attention_mlp": (4, 3, 1),
    "top_mlp": (4, 3, 1),
}
LENGTHS = (1, 5, 3, 2)


def batch() -> dict[str, Tensor]:
    inside = torch.arange(5) < torch.tensor(LENGTHS).unsqueeze(1)
    return {
        "history_items": torch.randint(0, 30, (4, 5)) * inside,
        "history_categories": torch.randint(0, 6, (4, 5)) * inside,
        "history_length": torch.tensor(LENGTHS),
        "target_item": torch.randint(0, 30, (4,)),
        "target_category": torch.randint(0, 6, (4,)),
    }


def model_with_large_weights() -> DIN:
    torch.manual_seed(1)
    model = DIN(CONFIG)
    for parameter in model.parameters():
        parameter.data.normal_()
    return model


def test_logits_are_the_configured_formula() -> None:
    model = model_with_large_weights()
    given = batch()
    logits = model(given, model.gather(given)[1])
    item, category = model.tables["shared"].split([30, 6])
    for sample, length in enumerate(LENGTHS):
        place = int(given["target_item"][sample])
        target = torch.cat([item[place], category[int(given["target_category"][sample])]])
        history = [
            torch.cat([item[int(i)], category[int(c)]])
            for i, c in zip(
                given["history_items"][sample], given["history_categories"][sample], strict=True
            )
        ][:length]
        scores = []
        for h in history:
            x = model.attention.first(torch.cat([h, target, h - target, h * target]))
            scores.append(model.attention.rest(x).item() * 6**-0.5)
        total = sum(math.exp(score) for score in scores)
        interest = sum(math.exp(s) / total * h for s, h in zip(scores, history, strict=True))
        top = model.top(torch.cat([model.projection(interest), target]))
        expected = top + model.tables["item_bias"][place]
        torch.testing.assert_close(logits[sample], expected[0], rtol=1e-4, atol=1e-5)


def test_padding_changes_nothing_and_gets_no_gradient() -> None:
    model, given = model_with_large_weights(), batch()
    ids, rows = model.gather(given)
    for values in rows.values():
        values.requires_grad_()
    logits = model(given, rows)
    logits.sum().backward()
    padding = (torch.arange(5) >= torch.tensor(LENGTHS).unsqueeze(1)).flatten()
    assert rows["shared"].grad is not None
    of_history = rows["shared"].grad[:20]
    assert of_history[padding].abs().max() == 0.0
    assert of_history[~padding].abs().min() > 0.0

    other = dict(given)
    other["history_items"] = given["history_items"] + 7 * padding.view(4, 5)
    torch.testing.assert_close(model(other, model.gather(other)[1]), logits)
    assert not torch.equal(model.table_ids(other)["shared"], ids["shared"])
