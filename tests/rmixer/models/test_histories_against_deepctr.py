"""DIN and DIEN against DeepCTR-Torch's, as in ``test_against_deepctr``.

Where our configuration goes beyond theirs (a projection, a bias of each item, scaled scores),
theirs is given that part, or ours does without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from same_weights import Comparison, Tie, tied_fields, tied_linears
from torch import Tensor, nn

from rmixer.models.dien import DIEN
from rmixer.models.din import DIN
from rmixer.models.layers import TargetAttention

ITEMS, CATEGORIES, DIM, PLACES = 11, 4, 3, 6
LENGTHS = (1, 6, 3, 2, 5)
CONFIG: dict[str, Any] = {
    "items": ITEMS,
    "categories": CATEGORIES,
    "history_max": PLACES,
    "dim": DIM,
    "attention_mlp": (7, 5, 1),
    "top_mlp": (8, 4, 1),
}
NAMES = ("item", "category")
ROWS = (ITEMS, CATEGORIES)
PLAIN: dict[str, Any] = {
    "dnn_hidden_units": (8, 4),
    "dnn_activation": "sigmoid",
    "att_activation": "sigmoid",
    "att_weight_normalization": True,
    "l2_reg_embedding": 0.0,
    "task": "regression",
}


@pytest.fixture(scope="module", autouse=True)
def imported() -> None:
    """DeepCTR-Torch, when it is first needed: it takes seconds to import."""
    global HISTORIES, TARGETS, their_models
    from deepctr_torch import models as their_models
    from deepctr_torch.inputs import SparseFeat, VarLenSparseFeat

    TARGETS = [SparseFeat(name, rows, DIM) for name, rows in zip(NAMES, ROWS, strict=True)]
    HISTORIES = [
        VarLenSparseFeat(
            SparseFeat(f"hist_{name}", rows, DIM, embedding_name=name), PLACES, length_name="length"
        )
        for name, rows in zip(NAMES, ROWS, strict=True)
    ]


@pytest.fixture(autouse=True)
def in_double_precision() -> Iterator[None]:
    torch.manual_seed(5)
    torch.set_default_dtype(torch.float64)  # they make tensors of the default type
    yield
    torch.set_default_dtype(torch.float32)


def random_batch() -> dict[str, Tensor]:
    samples, inside = len(LENGTHS), torch.arange(PLACES) < torch.tensor(LENGTHS).unsqueeze(1)
    return {
        "history_items": torch.randint(0, ITEMS, inside.shape) * inside,
        "history_categories": torch.randint(0, CATEGORIES, inside.shape) * inside,
        "history_length": torch.tensor(LENGTHS),
        "negative_items": torch.randint(0, ITEMS, inside.shape) * inside,
        "negative_categories": torch.randint(0, CATEGORIES, inside.shape) * inside,
        "target_item": torch.randint(0, ITEMS, (samples,)),
        "target_category": torch.randint(0, CATEGORIES, (samples,)),
    }


def their_inputs(batch: dict[str, Tensor]) -> Tensor:
    """Their columns in the order in which they are declared."""
    parts = [
        *(batch[f"target_{name}"].unsqueeze(1) for name in NAMES),
        batch["history_items"],
        batch["history_length"].unsqueeze(1),
        batch["history_categories"],
    ]
    return torch.cat(parts, dim=1).double()


def tied_attention(ours: DIN | DIEN, theirs: nn.Module) -> list[Tie]:
    """Their unit reads [t, h, t - h, t * h]."""
    first, second, last = *theirs.dnn.linears, theirs.dense
    last.bias = None  # the same for all scores

    def in_their_order(weight: Tensor) -> Tensor:
        of_history, of_target, of_difference, of_product = weight.chunk(4, dim=1)
        return torch.cat([of_target, of_history, -of_difference, of_product], dim=1)

    assert isinstance(ours.attention, TargetAttention)
    ours.attention.scale = 1.0
    return [
        Tie("attention.first.weight", first.weight, in_their_order),
        Tie("attention.first.bias", first.bias),
        *tied_linears(ours, "attention.rest", [second, last]),
    ]


def item_bias(theirs: nn.Module) -> tuple[nn.Parameter, Tie]:
    bias = nn.Parameter(torch.zeros(ITEMS, 1))
    theirs.register_parameter("item_bias", bias)
    return bias, Tie("item_bias", bias)


def test_din() -> None:
    batch = random_batch()
    model = DIN(CONFIG)
    theirs = their_models.DIN(
        [*TARGETS, *HISTORIES], NAMES, att_hidden_size=(7, 5), **PLAIN
    ).double()
    unit = theirs.attention.local_att
    ties = [
        *tied_fields("shared", ROWS, [theirs.embedding_dict[name] for name in NAMES]),
        *tied_attention(model, unit),
    ]
    ours = Comparison(model, batch)
    bias, tie = item_bias(theirs)

    def target_first(weight: Tensor) -> Tensor:
        return torch.cat(weight.chunk(2, dim=1)[::-1], dim=1)

    first, second = theirs.dnn.linears
    ties += [
        tie,
        Tie("top.0.weight", first.weight, target_first),
        Tie("top.0.bias", first.bias),
        Tie("top.2.weight", second.weight),
        Tie("top.2.bias", second.bias),
        Tie("top.4.weight", theirs.dnn_linear.weight),
        Tie("top.4.bias", theirs.out.bias),
    ]
    ours.tie(ties)
    theirs.attention.register_forward_hook(lambda _, __, pooled: model.projection(pooled))
    logits = theirs(their_inputs(batch)).view(-1) + bias[batch["target_item"], 0]
    ours.agrees(logits, ties)


def as_torchs_gru(weight: Tensor) -> Tensor:
    """In the order reset, update, candidate; where ours keeps 1 - u of a state, torch's keeps u."""
    update, reset, candidate = weight.chunk(3)
    return torch.cat([reset, -update, candidate])


def as_their_augru(weight: Tensor) -> Tensor:
    update, reset, candidate = weight.chunk(3)
    return torch.cat([reset, update, candidate])


def tied_gru(ours: str, theirs: Any, suffix: str, layout: Callable[[Tensor], Tensor]) -> list[Tie]:
    return [
        Tie(f"{ours}.{mine}.{kind}", getattr(theirs, f"{kind}_{yours}{suffix}"), layout)
        for mine, yours in (("inputs", "ih"), ("recurrent", "hh"))
        for kind in ("weight", "bias")
    ]


def test_dien() -> None:
    """Logits: their auxiliary loss is another, by a network of its own."""
    batch = random_batch()
    model = DIEN({**CONFIG, "gru_layers": 1, "auxiliary_weight": 1.0})
    theirs = their_models.DIEN(
        [*TARGETS, *HISTORIES], NAMES, gru_type="AUGRU", att_hidden_units=(7, 5), **PLAIN
    ).double()
    evolving = theirs.interest_evolution
    cell = evolving.interest_evolution.rnn
    cell.bias_hh = nn.Parameter(cell.bias_ih.detach().clone())  # they are one, by mistake
    ties = [
        *tied_fields("shared", ROWS, [theirs.embedding_dict[name] for name in NAMES]),
        *tied_gru("extraction.0", theirs.interest_extractor.gru, "_l0", as_torchs_gru),
        *tied_attention(model, evolving.attention.local_att),
        *tied_gru("evolution", cell, "", as_their_augru),
        *tied_linears(model, "top", [*theirs.dnn.linears, theirs.linear]),
        Tie("top.4.bias", theirs.out.bias),
    ]
    ours = Comparison(model, batch)
    bias, tie = item_bias(theirs)
    ties.append(tie)
    ours.tie(ties)
    logits = theirs(their_inputs(batch)).view(-1) + bias[batch["target_item"], 0]
    ours.agrees(logits, ties)
