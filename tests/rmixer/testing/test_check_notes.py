"""What ``check_model`` finds odd and does not refuse: its notes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from checked_models import build, but, loss, rows
from torch import Tensor, nn
from torch.utils.data import DataLoader

from rmixer.own_model import OwnModel
from rmixer.testing import check_model
from rmixer.workload.workload import Job


def test_copies_with_other_seeds_that_train_the_same_model() -> None:
    def constant(job: Job) -> OwnModel:
        own = build(job)
        for parameter in own.module.parameters():
            nn.init.constant_(parameter, 0.1)
        return replace(own, batches=DataLoader(rows(), job.batch, drop_last=True))

    (note,) = check_model(constant).warnings
    assert "another seed gives the same losses" in note


class Ragged:
    """Offsets of so many samples, and as many values as there happen to be."""

    def __init__(self, samples: int) -> None:
        self.samples = samples

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            lengths = torch.randint(1, 5, (self.samples,))
            offsets = torch.cat((torch.zeros(1, dtype=torch.long), lengths.cumsum(0)))
            yield torch.randint(10, (int(lengths.sum()),)), offsets


def test_shapes_that_change_and_values_that_are_read_back_are_notes() -> None:
    def ragged(job: Job) -> OwnModel:
        bags = nn.EmbeddingBag(10, 3, mode="sum", include_last_offset=True)

        def mean(module: nn.Module, batch: Any) -> Tensor:
            value: Tensor = module(*batch).square().mean()
            return value * value.item()

        return OwnModel(bags, Ragged(job.batch), mean, torch.optim.SGD(bags.parameters(), lr=0.1))

    shapes, forward = check_model(ragged).warnings
    assert shapes.startswith("batches change their shapes ([[")
    assert forward.startswith("forward reads values back (aten::_local_scalar_dense)")
    assert "CUDA graph" in shapes


def test_a_mask_as_an_index_is_a_note() -> None:
    def masked(module: nn.Module, batch: Any) -> Tensor:
        logits = module(batch[0]).squeeze(1)
        every = logits[torch.isfinite(logits)]
        return nn.functional.binary_cross_entropy_with_logits(every, batch[1])

    forward, *_ = check_model(but(loss=lambda job, own: masked)).warnings
    assert forward.startswith("forward reads values back")
    assert "aten::index with a boolean mask" in forward


def test_memory_that_no_part_explains_is_a_note() -> None:
    def wasteful(module: nn.Module, batch: Any) -> Tensor:
        with torch.no_grad():
            torch.ones(4 << 20).mul(2)  # 32 MiB that are gone again
        return loss(module, batch)

    (note,) = check_model(but(loss=lambda job, own: wasteful)).warnings
    assert "times the memory that its parts explain" in note


def test_a_smaller_last_batch_is_counted_as_it_is() -> None:
    """It is trained all the same, here as in a run: ``test_own_samples``."""
    notes = check_model(but(batches=lambda j, o: DataLoader(rows(80), j.batch))).warnings
    assert any("fewer samples than job.batch (16 instead of 32)" in note for note in notes)
