"""DMR against its formula, one sample and one behaviour after another."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from rmixer.models.dmr import DMR
from rmixer.models.dmr_attention import BehaviourScores

IDS = (20, 15, 9, 12, 7, 6)
LEVELS = (4, 3)
PLACES, DIM = 5, 3
LENGTHS = (5, 0, 1, 3, 2)
CONFIG = {
    "ids": IDS,
    "levels": LEVELS,
    "kinds": 4,
    "history_max": PLACES,
    "dim": DIM,
    "small_dim": 2,
    "attention_mlp": (4, 3, 1),
    "mlp": (6, 4, 1),
    "match_weight": 0.1,
}


def batch() -> dict[str, Tensor]:
    samples = len(LENGTHS)
    inside = torch.arange(PLACES) < torch.tensor(LENGTHS).unsqueeze(1)
    return {
        "ids": torch.stack([torch.randint(0, rows, (samples,)) for rows in IDS], dim=1),
        "levels": torch.stack([torch.randint(0, rows, (samples,)) for rows in LEVELS], dim=1),
        "price": torch.rand(samples, dtype=torch.float64) * 5,
        "history_categories": torch.randint(1, IDS[2], inside.shape) * inside,
        "history_brands": torch.randint(1, IDS[3], inside.shape) * inside,
        "history_kinds": torch.randint(1, 4, inside.shape) * inside,
        "history_length": torch.tensor(LENGTHS),
        "label": torch.randint(0, 2, (samples,)).double(),
    }


def model_with_large_weights() -> DMR:
    torch.manual_seed(3)
    model = DMR(CONFIG).double()
    for parameter in model.parameters():
        parameter.data.normal_(std=0.7)
    return model


def prelu(value: Tensor, slope: Tensor) -> Tensor:
    return torch.where(value > 0, value, slope * value)


def score(unit: BehaviourScores, query: Tensor, item: Tensor) -> Tensor:
    joined = torch.cat([query, item, query - item, query * item])
    found: Tensor = unit.rest(unit.first(joined))
    return found[0]


def weight(network: nn.Module, name: str) -> Tensor:
    return network.get_parameter(name)


def reference(model: DMR, given: dict[str, Tensor], tables: dict[str, Tensor]) -> Tensor:
    """The loss of a batch, from the tables split by field."""
    of_ids = tables["shared"].split(IDS)
    of_levels = tables["levels"].split(LEVELS)
    u2i, i2i = model.user_to_item, model.item_to_item
    inputs, newest_losses = [], []
    for sample, length in enumerate(LENGTHS):
        own = [table[id_] for table, id_ in zip(of_ids, given["ids"][sample], strict=True)]
        levels = [table[id_] for table, id_ in zip(of_levels, given["levels"][sample], strict=True)]
        target = torch.cat([own[2], own[3]])
        items, match_scores, ad_scores = [], [], []
        for at in range(length):
            category = given["history_categories"][sample, at]
            item = torch.cat([of_ids[2][category], of_ids[3][given["history_brands"][sample, at]]])
            kind = given["history_kinds"][sample, at]
            asked = u2i.query(torch.cat([model.place_match[at], model.kind_match[kind]]))
            match_scores.append(score(u2i.scores, prelu(asked, u2i.slopes[at]), item))
            asked = i2i.query(torch.cat([target, model.place[at], model.kind[kind]]))
            ad_scores.append(score(i2i.scores, prelu(asked, i2i.slopes[at]), item))
            items.append(item)

        def pooled(scores: list[Tensor], items: list[Tensor]) -> Tensor:
            weights = [value.exp() for value in scores]
            return sum(
                (w / sum(weights) * e for w, e in zip(weights, items, strict=True)),
                torch.zeros(2 * DIM, dtype=torch.float64),
            )

        def user(scores: list[Tensor], items: list[Tensor]) -> Tensor:
            return prelu(model.user[0](pooled(scores, items)), weight(model.user, "1.weight"))

        relevance = user(match_scores, items) @ model.match[given["ids"][sample, 2]]
        total = sum(items, torch.zeros(2 * DIM, dtype=torch.float64))
        summed = sum(ad_scores, torch.zeros((), dtype=torch.float64))
        numbers = torch.stack([given["price"][sample], relevance, summed])
        parts = [*own, *levels, numbers, total, target * total, pooled(ad_scores, items)]
        inputs.append(torch.cat(parts))
        if length > 1:
            chances = torch.softmax(model.match @ user(match_scores[1:], items[1:]), dim=0)
            newest_losses.append(-chances[given["history_categories"][sample, 0]].log())
    features = torch.stack(inputs)
    variance = features.var(0, unbiased=False)
    x = (features - features.mean(0)) / (variance + 1e-3).sqrt() * model.norm.weight
    x = x + model.norm.bias
    for at in (0, 2, 4):
        x = linear(x, weight(model.top, f"{at}.weight"), weight(model.top, f"{at}.bias"))
        if at < 4:
            x = prelu(x, weight(model.top, f"{at + 1}.weight"))
    chance = torch.sigmoid(x.squeeze(1))
    clicks = -torch.where(given["label"] > 0, chance, 1 - chance).log().mean()
    return clicks + 0.1 * sum(newest_losses, torch.zeros(())) / len(LENGTHS)


def test_loss_and_gradients_are_the_formula() -> None:
    model, given = model_with_large_weights(), batch()
    ids, rows = model.gather(given)
    for values in rows.values():
        values.requires_grad_()
    loss = model.loss(given, rows)
    loss.backward()
    parameters = {n: p for n, p in model.named_parameters() if p.requires_grad}
    found = {name: p.grad for name, p in parameters.items()}
    for parameter in parameters.values():
        parameter.grad = None

    tables = {name: table.detach().clone().requires_grad_() for name, table in model.tables.items()}
    expected = reference(model, given, tables)
    expected.backward()
    torch.testing.assert_close(loss, expected, rtol=1e-7, atol=1e-7, check_dtype=False)
    for name, parameter in parameters.items():
        assert parameter.grad is not None
        assert parameter.grad.abs().max() > 0, name
        # Labels and weights are cast to single precision, as a training step's are.
        torch.testing.assert_close(found[name], parameter.grad, rtol=1e-5, atol=1e-7, msg=name)
    for name, table in tables.items():
        gradient = rows[name].grad
        assert table.grad is not None
        assert gradient is not None
        summed = torch.zeros_like(table).index_add_(0, ids[name], gradient)
        torch.testing.assert_close(summed, table.grad, rtol=1e-5, atol=1e-7)


def test_padding_changes_nothing_and_gets_no_gradient() -> None:
    model, given = model_with_large_weights(), batch()
    _, rows = model.gather(given)
    for values in rows.values():
        values.requires_grad_()
    loss = model.loss(given, rows)
    loss.backward()
    samples, padding = len(LENGTHS), given["history_kinds"].flatten() == 0
    assert rows["shared"].grad is not None
    for of_history in rows["shared"].grad[6 * samples :].chunk(2):
        assert of_history[padding].abs().max() == 0.0
        assert of_history[~padding].abs().min() > 0.0

    other = {**given}
    for name in ("history_categories", "history_brands", "history_kinds"):
        other[name] = given[name] + padding.view(samples, PLACES) * 3
    torch.testing.assert_close(model.loss(other, model.gather(other)[1]), loss)


def test_a_running_mean_moves_by_a_hundredth() -> None:
    model, given = model_with_large_weights(), batch()
    model.loss(given, model.gather(given)[1])
    _, rows = model.gather(given)
    of_user = rows["shared"][: len(LENGTHS)].mean(0)
    assert model.norm.running_mean is not None
    torch.testing.assert_close(model.norm.running_mean[:DIM], 0.01 * of_user)


def test_capped_tables_still_have_a_row_for_every_place() -> None:
    torch.manual_seed(0)
    model, given = DMR(CONFIG, rows_cap=2), batch()
    capped = {
        name: values if name in ("price", "label", "history_length") else values % 2
        for name, values in given.items()
    }
    capped |= {"price": given["price"].float(), "label": given["label"].float()}
    assert len(model.place) == 2
    assert model(capped, model.gather(capped)[1]).isfinite().all()
