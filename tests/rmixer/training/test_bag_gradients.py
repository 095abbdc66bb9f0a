"""A step from gradients of bags against one from the gradient of every position."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from rmixer.models.bags import Bags
from rmixer.training import bag_gradients, row_optimizer
from rmixer.training.bag_gradients import step_bags
from rmixer.training.row_optimizers import make_row_optimizer

SIZES, ROWS, DIM = (7, 1, 3), (40, 3, 900), 6
FIRST = (0, 40, 43)


def drawn(samples: int, seed: int) -> tuple[Tensor, Tensor]:
    """Ids, many of them again and again, and a gradient for each bag."""
    generator = torch.Generator().manual_seed(seed)
    ids = [
        first + (torch.rand(samples, size, generator=generator) ** 3 * rows).long()
        for size, rows, first in zip(SIZES, ROWS, FIRST, strict=True)
    ]
    return torch.cat(ids, dim=1).flatten(), torch.randn(samples * 3, DIM, generator=generator)


@pytest.mark.parametrize("chunk_rows", [1, 5, 10_000])
@pytest.mark.parametrize("group_places", [1, 100, 1 << 15])
@pytest.mark.parametrize("kind", ["sgd", "adagrad", "rowwise_adagrad", "adam"])
def test_as_the_gradient_of_each_position(
    kind: str, group_places: int, chunk_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bag_gradients, "GROUP_PLACES", group_places)
    monkeypatch.setattr(row_optimizer, "CHUNK_BYTES", 4 * DIM * chunk_rows)
    table = torch.randn(sum(ROWS), DIM)
    pooled = make_row_optimizer(kind, table.clone(), 0.1)
    plain = copy.deepcopy(pooled)
    for step in range(4):
        ids, gradient = drawn(25, step)
        step_bags(pooled, Bags(SIZES, ROWS), ids, gradient)
        of_places = [
            row
            for sample in gradient.view(25, 3, DIM)
            for row, size in zip(sample, SIZES, strict=True)
            for _ in range(size)
        ]
        plain.step(ids, torch.stack(of_places))
        torch.testing.assert_close(pooled.table, plain.table, rtol=0, atol=1e-5)
    assert not torch.equal(pooled.table, table)


@pytest.mark.parametrize("kind", ["sgd", "adagrad"])
def test_as_embedding_bags_of_torch(kind: str) -> None:
    table = torch.randn(sum(ROWS), DIM)
    ours = make_row_optimizer(kind, table.clone(), 0.1)
    bags = nn.ModuleList(
        nn.EmbeddingBag.from_pretrained(part.clone(), freeze=False, mode="sum", sparse=True)
        for part in table.split(ROWS)
    )
    known = {"sgd": torch.optim.SGD, "adagrad": torch.optim.Adagrad}
    theirs = known[kind](bags.parameters(), lr=0.1)
    for step in range(4):
        ids, gradient = drawn(25, step)
        step_bags(ours, Bags(SIZES, ROWS), ids, gradient)
        theirs.zero_grad()
        places = ids.view(25, -1).split(SIZES, dim=1)
        for field, bag in enumerate(bags):
            bag(places[field] - FIRST[field]).backward(gradient.view(25, 3, DIM)[:, field])
        theirs.step()
        expected = torch.cat([bag.weight.detach() for bag in bags])
        torch.testing.assert_close(ours.table, expected, rtol=0, atol=1e-5)
