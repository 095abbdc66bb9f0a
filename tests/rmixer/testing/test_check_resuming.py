"""``check_model`` says what a stop would lose."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from checked_models import Make, build, but, loss, rows, with_module
from torch import Tensor, nn
from torch.utils.data import DataLoader

from rmixer.own_model import OwnModel
from rmixer.testing import NotResumable, check_model
from rmixer.workload.workload import Job


class Counted:
    """Rows in an order that the number of the pass decides."""

    def __init__(self) -> None:
        self.passes = 0

    def __len__(self) -> int:
        return 200

    def __iter__(self) -> Iterator[int]:
        self.passes += 1
        return iter(random.Random(self.passes).sample(range(200), 200))


class Walk:
    """Rows each some way from the one before; dropout draws from the same generator in between."""

    def __len__(self) -> int:
        return 200

    def __iter__(self) -> Iterator[int]:
        at = 0
        for _ in range(200):
            at = (at + int(torch.randint(200, ()))) % 200
            yield at


class Forgetful(nn.Linear):
    """What it counts is no part of its state."""

    def __init__(self) -> None:
        super().__init__(4, 1)
        self.register_buffer("steps", torch.zeros(()), persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        self.steps += 1
        return super().forward(values) * self.steps


def dropping() -> nn.Module:
    return nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 1))


def own_draws(named: bool) -> Make:
    """``build`` with noise from a generator of its own, which is named in ``stateful`` or not."""

    def changed(job: Job) -> OwnModel:
        draw = torch.Generator().manual_seed(job.seed)

        def noisy(module: nn.Module, batch: Any) -> Tensor:
            return loss(module, batch) * (1 + torch.rand((), generator=draw))

        return replace(build(job), loss=noisy, stateful=[draw] if named else [])

    return changed


def loader(job: Job, sampler: Any) -> DataLoader[Any]:
    return DataLoader(rows(), job.batch, sampler=sampler, drop_last=True)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (but(batches=lambda j, o: loader(j, Counted())), ["after step 7", "batch at step 8"]),
        (
            lambda job: replace(with_module(dropping)(job), batches=loader(job, Walk())),
            ["after step 2", "batch at step 3", "state_dict and load_state_dict"],
        ),
        (with_module(Forgetful), ["after step 2", "persistent buffer"]),
        (own_draws(named=False), ["after step 2", "at step 3", "name it in stateful"]),
    ],
)
def test_what_a_stop_would_lose_is_explained(make: Make, words: list[str]) -> None:
    with pytest.raises(NotResumable) as failed:
        check_model(make)
    for word in words:
        assert word in str(failed.value)


def test_what_stateful_names_is_kept() -> None:
    assert check_model(own_draws(named=True)).warnings == ()
