"""BERT4Rec against torch's own transformer encoder and cross-entropy."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from rmixer.models.bert4rec import BERT4Rec, EncoderBlock
from rmixer.models.tied_softmax import masked_cross_entropy

CONFIG = {
    "items": 40,
    "history_max": 7,
    "slots": 3,
    "hidden": 8,
    "blocks": 2,
    "heads": 2,
    "feed_forward": 12,
    "embedding_dropout": 0.5,
    "dropout": 0.2,
}
LENGTHS = (7, 2, 4)
COUNTS = (3, 1, 2)
PLACES = ((6, 0, 3), (1, 0, 0), (2, 3, 0))
MASK = 37


def batch() -> dict[str, Tensor]:
    inside = torch.arange(7) < torch.tensor(LENGTHS).unsqueeze(1)
    used = torch.arange(3) < torch.tensor(COUNTS).unsqueeze(1)
    items = torch.randint(1, 37, (3, 7)) * inside
    for sample, count in enumerate(COUNTS):
        items[sample, list(PLACES[sample][:count])] = MASK
    return {
        "items": items,
        "length": torch.tensor(LENGTHS),
        "masked_places": torch.tensor(PLACES),
        "masked_items": torch.randint(1, 37, (3, 3)) * used,
        "masked_count": torch.tensor(COUNTS),
        "candidates": torch.tensor([[4, 9, 14, 3], [5, 6, 0, 0], [9, 8, 7, 6]]),
    }


def model_with_large_weights() -> BERT4Rec:
    torch.manual_seed(1)
    model = BERT4Rec(CONFIG).double().eval()
    for parameter in model.parameters():
        parameter.data.normal_()
    return model


def encoder_layer(block: EncoderBlock) -> nn.TransformerEncoderLayer:
    """Torch's, with the weights of ``block``."""
    layer = nn.TransformerEncoderLayer(8, 2, 12, 0.0, "gelu", batch_first=True).double()
    ours = block.state_dict()
    names = {
        "projections.": "self_attn.in_proj_",
        "output.": "self_attn.out_proj.",
        "widen.": "linear1.",
        "narrow.": "linear2.",
        "norm_1.": "norm1.",
        "norm_2.": "norm2.",
    }
    weights = {
        theirs + kind: ours[name + kind]
        for name, theirs in names.items()
        for kind in ("weight", "bias")
    }
    layer.load_state_dict(weights)
    return layer


def logits_by_torch(model: BERT4Rec, layers: list[nn.Module], given: dict[str, Tensor]) -> Tensor:
    """All logits at all places, [B, history_max, items]."""
    padding = torch.arange(7) >= given["length"].unsqueeze(1)
    hidden = model.norm(model.item[given["items"]] + model.position)
    for layer in layers:
        hidden = layer(hidden, src_key_padding_mask=padding)
    transformed = model.transform_norm(nn.GELU()(model.transform(hidden)))
    return transformed @ model.item.T + model.item_bias


def test_logits_and_loss_and_gradients_are_those_of_torchs_encoder() -> None:
    model, given = model_with_large_weights(), batch()
    layers = [encoder_layer(block) for block in model.blocks]
    everywhere = logits_by_torch(model, layers, given)
    used = [(s, slot) for s, count in enumerate(COUNTS) for slot in range(count)]
    logits = model(given, {})
    for sample, slot in used:
        expected = everywhere[sample, PLACES[sample][slot]]
        torch.testing.assert_close(logits[sample, slot], expected, rtol=1e-9, atol=1e-9)

    expected_loss = torch.stack(
        [
            cross_entropy(everywhere[s, PLACES[s][slot]], given["masked_items"][s, slot])
            for s, slot in used
        ]
    ).mean()
    loss = model.loss(given, {})
    torch.testing.assert_close(loss, expected_loss, rtol=1e-9, atol=1e-9)
    shared = [model.item, model.position, model.item_bias, model.norm.weight]
    shared += [*model.transform.parameters(), *model.transform_norm.parameters()]
    ours = torch.autograd.grad(loss, [*shared, *model.blocks[0].projections.parameters()])
    attention = layers[0].self_attn
    theirs = torch.autograd.grad(
        expected_loss, [*shared, attention.in_proj_weight, attention.in_proj_bias]
    )
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8)


def test_padding_and_unused_slots_change_nothing() -> None:
    model, given = model_with_large_weights(), batch()
    loss = model.loss(given, {})
    (gradient,) = torch.autograd.grad(loss, [model.position])
    assert gradient.abs().max(dim=1).values.min() > 0.0
    other = dict(given)
    other["items"] = given["items"].clone()
    other["items"][1, 2:] = 5
    other["items"][2, 4:] = 6
    other["masked_items"] = given["masked_items"].clone()
    other["masked_items"][1, 1:] = 8
    other["masked_places"] = given["masked_places"].clone()
    other["masked_places"][1, 1:] = 6
    torch.testing.assert_close(model.loss(other, {}), loss)
    short = {name: values[1:2] for name, values in other.items()}
    (gradient,) = torch.autograd.grad(model.loss(short, {}), [model.position])
    assert gradient[:2].abs().max(dim=1).values.min() > 0.0
    assert gradient[2:].abs().max() == 0.0


def test_rank_among_the_candidates() -> None:
    model, given = model_with_large_weights(), batch()
    measured = model.measure(given, {})
    logits = model(given, {})[:, 0]
    for sample in range(3):
        target = int(given["masked_items"][sample, 0])
        score = float(logits[sample, target].detach())
        rank = 1.0
        for candidate in given["candidates"][sample].tolist():
            other = float(logits[sample, candidate].detach())
            rank += 0.0 if candidate == 0 else (other > score) + 0.5 * (other == score)
        assert float(measured["rank"][sample]) == rank
        expected = cross_entropy(logits[sample], given["masked_items"][sample, 0])
        torch.testing.assert_close(measured["loss"][sample], expected)


@pytest.mark.parametrize("rows", [1, 64, 150])
def test_cross_entropy_in_parts_is_the_whole(rows: int) -> None:
    torch.manual_seed(2)
    given = [torch.randn(size, dtype=torch.float64) for size in ((rows, 5), (30, 5), (30,))]
    targets = torch.randint(0, 30, (rows,))
    weights = torch.rand(rows, dtype=torch.float64)
    found, expected = [], []
    for values, in_parts in ((found, True), (expected, False)):
        vectors, items, bias = (value.clone().requires_grad_() for value in given)
        if in_parts:
            loss = masked_cross_entropy(vectors, items, bias, targets, weights)
        else:
            losses = cross_entropy(vectors @ items.T + bias, targets, reduction="none")
            loss = losses @ weights
        (3.0 * loss).backward()
        values += [loss.detach(), vectors.grad, items.grad, bias.grad]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_a_row_without_weight_gets_no_gradient() -> None:
    vectors, items = torch.randn(2, 5, requires_grad=True), torch.randn(9, 5)
    weights = torch.tensor([1.0, 0.0])
    masked_cross_entropy(vectors, items, torch.zeros(9), torch.tensor([3, 4]), weights).backward()
    assert vectors.grad is not None
    assert vectors.grad[0].abs().max() > 0.0
    assert vectors.grad[1].abs().max() == 0.0


def test_in_bfloat16_only_the_products_are_rounded() -> None:
    vectors, items = torch.randn(70, 16, requires_grad=True), torch.randn(50, 16)
    items.requires_grad_()
    targets, weights = torch.randint(0, 50, (70,)), torch.full((70,), 1 / 70)
    exact = masked_cross_entropy(vectors, items, torch.zeros(50), targets, weights)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = masked_cross_entropy(vectors, items, torch.zeros(50), targets, weights)
    assert rounded.dtype == torch.float32
    assert 0.0 < float((rounded - exact).detach().abs()) < 0.02 * float(exact.detach())
    for one, other in zip(
        torch.autograd.grad(exact, [vectors, items]),
        torch.autograd.grad(rounded, [vectors, items]),
        strict=True,
    ):
        assert float((one - other).norm() / one.norm()) < 0.02


def test_a_cap_below_the_number_of_places_still_works() -> None:
    model, given = BERT4Rec(CONFIG, rows_cap=5), batch()
    capped = ("items", "masked_items", "candidates")
    given = {name: values % 5 if name in capped else values for name, values in given.items()}
    assert model(given, {}).shape == (3, 3, 5)


@pytest.mark.parametrize("place", ["target", "candidate", "padding"])
def test_a_score_that_is_not_a_number_has_no_rank(place: str) -> None:
    """A comparison with NaN is false: the rank would be the best there is."""
    model, inputs = model_with_large_weights(), batch()
    before = model.measure(inputs, {})["rank"]
    item = {
        "target": int(inputs["masked_items"][1, 0]),
        "candidate": int(inputs["candidates"][1, 1]),
        "padding": 0,
    }[place]
    model.item_bias.data[item] = torch.nan
    rank = model.measure(inputs, {})["rank"]
    assert rank[1].isnan() == (place != "padding")
    if place == "padding":
        assert torch.equal(rank, before)
