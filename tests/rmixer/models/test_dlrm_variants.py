"""DLRM with a table for each field, bags, concatenation and cross layers, sample by sample."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from rmixer.models.dlrm import DLRM
from rmixer.models.dlrm_dcn import DLRMDCN

SIZES, ROWS = (2, 1, 3), (7, 4, 9)
CONFIG: dict[str, Any] = {
    "dense": 3,
    "rows": ROWS,
    "embedding_dim": 2,
    "bottom_mlp": (5, 2),
    "top_mlp": (6, 1),
}


def batch(sizes: tuple[int, ...]) -> dict[str, Tensor]:
    ids = [torch.randint(0, rows, (5, size)) for rows, size in zip(ROWS, sizes, strict=True)]
    return {"dense": torch.randn(5, 3), "ids": torch.cat(ids, dim=1)}


def vectors(model: DLRM, given: dict[str, Tensor], sizes: tuple[int, ...], i: int) -> list[Tensor]:
    """z0 and the sum of each field's rows, for sample i."""
    first = (0, *accumulate(ROWS))
    cuts = pairwise((0, *accumulate(sizes)))
    table, ids = model.tables["shared"], given["ids"][i]
    embedded = [
        sum((table[first[f] + int(k)] for k in ids[a:b]), torch.zeros(2, dtype=table.dtype))
        for f, (a, b) in enumerate(cuts)
    ]
    return [model.bottom(given["dense"][i]), *embedded]


def made(kind: type[DLRM], **settings: Any) -> DLRM:
    torch.manual_seed(3)
    model = kind({**CONFIG, **settings})
    for parameter in model.parameters():
        parameter.data.normal_()
    return model


@pytest.mark.parametrize("sizes", [None, SIZES])
@pytest.mark.parametrize("interaction", ["dot", "concat"])
def test_tables_bags_and_interactions(sizes: tuple[int, ...] | None, interaction: str) -> None:
    settings = {} if sizes is None else {"bag_sizes": sizes}
    model, sizes = made(DLRM, interaction=interaction, **settings), sizes or (1, 1, 1)
    given = batch(sizes)
    logits = model(given, model.gather(given)[1])
    for i in range(5):
        z = vectors(model, given, sizes, i)
        dots = [(z[a] @ z[b]).view(1) for a in range(4) for b in range(a + 1, 4)]
        met = z if interaction == "concat" else [z[0], *dots]
        torch.testing.assert_close(logits[i : i + 1], model.top(torch.cat(met)))


def test_cross_layers_are_the_papers() -> None:
    model = made(DLRMDCN, bag_sizes=SIZES, cross_layers=2, cross_rank=3)
    given = batch(SIZES)
    logits = model(given, model.gather(given)[1])
    down = [layer.weight for layer in model.interaction.down]
    up = [(layer.weight, layer.bias) for layer in model.interaction.up]
    for i in range(5):
        x0 = torch.cat(vectors(model, given, SIZES, i))
        x = x0
        for v, (u, b) in zip(down, up, strict=True):
            low = [sum(v[r, k] * x[k] for k in range(8)) for r in range(3)]
            high = [sum(u[k, r] * low[r] for r in range(3)) + b[k] for k in range(8)]
            x = torch.stack([x0[k] * high[k] + x[k] for k in range(8)])
        torch.testing.assert_close(logits[i : i + 1], model.top(x), rtol=1e-4, atol=1e-4)
