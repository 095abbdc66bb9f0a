"""FLEN against its formulas, feature by feature and pair by pair."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from torch import Tensor

from rmixer.data.avazu import CARDINALITIES
from rmixer.models.flen import FLEN, GroupInteraction
from rmixer.models.registry import model_entry

SAMPLES, DIM = 7, 3
ROWS = (4, 6, 5, 3, 8)
FIRST = (0, 4, 10, 15, 18)
GROUPS = ((0, 1), (2,), (3, 4))
CONFIG = {
    "rows": ROWS,
    "embedding_dim": DIM,
    "first_column": 1,
    "groups": tuple(len(group) for group in GROUPS),
    "mlp": (6, 4),
    "dropout": 0.0,
}


def random_model() -> tuple[FLEN, dict[str, Tensor]]:
    """In double precision; the batch's first column is of no field."""
    torch.manual_seed(3)
    model = FLEN(CONFIG).double()
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.dtype is torch.float64:
            tensor.data.uniform_(-1.0, 1.0).add_(0.1)
    for name, running in model.named_buffers():
        if name.endswith("running_var"):
            running.abs_()
    columns = [torch.randint(0, rows, (SAMPLES,)) for rows in (99, *ROWS)]
    return model, {"ids": torch.stack(columns, dim=1)}


def normalised(values: list[Tensor], norm: torch.nn.BatchNorm1d) -> list[Tensor]:
    """Batch normalization (Ioffe and Szegedy, 2015) of the samples' vectors."""
    mean = torch.stack(values).mean(0) if norm.training else norm.running_mean
    assert mean is not None
    spread = torch.stack([(value - mean) ** 2 for value in values]).mean(0)
    spread = spread if norm.training else norm.running_var
    return [(v - mean) / torch.sqrt(spread + norm.eps) * norm.weight + norm.bias for v in values]


def expected_logits(model: FLEN, ids: Tensor, vectors: Tensor, weights: Tensor) -> Tensor:
    """From the rows of the tables, [places, DIM] and [places, 1], in order of use."""
    mixed, flat = [], []
    for sample in range(SAMPLES):
        own = slice(sample * len(ROWS), (sample + 1) * len(ROWS))
        v, w = vectors[own], weights[own]
        groups = [sum(v[i] for i in group) for group in GROUPS]
        pairs = list(combinations(range(len(GROUPS)), 2))
        h = sum(
            model.interaction.between[at] * groups[m] * groups[n] for at, (m, n) in enumerate(pairs)
        )
        for m, group in enumerate(GROUPS):
            # (Σ v)² - Σ v² counts each pair of different features twice.
            for i in group:
                for j in group:
                    if i != j:
                        h = h + model.interaction.within[m] * v[i] * v[j]
        mixed.append(torch.cat([model.bias + w.sum(), h]))
        flat.append(torch.cat(list(v)))
    for part, values in ((model.interaction_layer, mixed), (model.deep, flat)):
        for at in range(0, len(part), 4):
            linear, norm = part[at], part[at + 2]
            hidden = [torch.relu(linear.weight @ value + linear.bias) for value in values]
            values[:] = normalised(hidden, norm)
    return torch.stack(
        [
            (model.head.weight[0] * torch.cat([shallow, deep])).sum() + model.head.bias[0]
            for shallow, deep in zip(mixed, flat, strict=True)
        ]
    )


@pytest.mark.parametrize("training", [True, False])
def test_logits_and_gradients_are_the_papers(training: bool) -> None:
    model, batch = random_model()
    model.train(training)
    at, _ = model.gather(batch)
    wanted = (batch["ids"][:, 1:] + torch.tensor(FIRST)).flatten()
    assert torch.equal(at["shared"], wanted)
    assert torch.equal(at["shared_first_order"], wanted)
    found = []
    running = {name: value.clone() for name, value in model.named_buffers()}
    for compute in ("ours", "theirs"):
        _, rows = model.gather(batch)
        for part in rows.values():
            part.requires_grad_()
        vectors, weights = rows["shared"], rows["shared_first_order"]
        if compute == "ours":
            logits = model(batch, rows)
        else:
            for name, value in model.named_buffers():
                value.copy_(running[name])
            logits = expected_logits(model, batch["ids"], vectors, weights)
        model.zero_grad()
        (logits * torch.linspace(-1.0, 2.0, SAMPLES)).sum().backward()
        gradients = [p.grad.clone() for p in model.parameters() if p.grad is not None]
        found.append([logits.detach(), vectors.grad, weights.grad, *gradients])
    assert len(found[0]) == 3 + sum(p.requires_grad for p in model.parameters())
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


def test_dicefactor_drops_elements_of_single_interactions() -> None:
    """One group of two fields and one of one: with vectors (1, 2) and 3, times 1 or 0 apart from
    the scale 1 / (1 - p), the sum's elements are of a few values only."""
    torch.manual_seed(0)
    layer = GroupInteraction((2, 1), 0.5)
    vectors = torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1).expand(50, 3, 20)
    between, within = (1 + 2) * 3, 2 * 1 * 2
    kept = {2.0 * (a * between + b * within) for a in (0, 1) for b in (0, 1)}
    assert set(layer(vectors).flatten().tolist()) == kept
    layer.eval()
    assert set(layer(vectors).flatten().tolist()) == {float(between + within)}


def test_avazus_fields_are_in_the_order_of_its_data() -> None:
    for name in ("avazu_flen", "avazu_widedeep"):
        assert model_entry(name).config["rows"] == tuple(CARDINALITIES.values())
    assert sum(CARDINALITIES.values()) == 9_449_445
    fields = list(CARDINALITIES)
    user, item, context = model_entry("avazu_flen").config["groups"]
    assert fields[user : user + item] == ["app_id", "app_domain", "app_category"]
    assert (user, item, context) == (13, 3, 6)
    assert user + item + context == len(fields)
