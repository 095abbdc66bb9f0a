"""The samples of a user's own batches: counted as they are, or refused, as ``check_model`` does."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from checked_models import but, rows
from torch.utils.data import DataLoader

from rmixer.testing import TrialJob, WrongBatch, check_model
from rmixer.training.own_samples import SampleCount, WrongBatchSize
from rmixer.training.own_step import OwnStep


def ragged(samples: int, values: int) -> tuple[torch.Tensor, ...]:
    """Values, offsets and labels."""
    return torch.ones(values), torch.ones(samples + 1), torch.ones(samples, 1)


def counted(batches: list[Any], batch: int = 32) -> int:
    count = SampleCount(batch, "m:build")
    for number, each in enumerate(batches, 1):
        count.add(each, number)
    return count.total


def test_a_pass_that_ends_with_a_smaller_batch() -> None:
    """80 samples in batches of 32: 32, 32, 16; twice."""
    assert counted([torch.ones(n, 4) for n in (32, 32, 16)] * 2) == 160
    assert counted([{"x": [torch.ones(())], "y": torch.ones(n)} for n in (32, 16)]) == 48


def test_values_of_ragged_batches_are_no_samples() -> None:
    """The first batch has by chance as many values as samples."""
    assert counted([ragged(32, 32), ragged(32, 70), ragged(16, 40)]) == 80
    assert counted([ragged(32, 32), ragged(16, 40)]) == 48
    assert counted([ragged(32, 33)[:2], ragged(20, 64)[:2]]) == 52


@pytest.mark.parametrize(
    ("batches", "told"),
    [
        ([torch.ones(20, 4)], "batch 1 have 20 rows"),
        ([torch.ones(32, 4), torch.ones(40, 4)], "batch 2 have 40 rows"),
        ([torch.ones(32, 4), torch.ones(())], "batch 2 have no rows"),
        (["text"], "batch 1 is a str without tensors"),
    ],
)
def test_other_sizes_are_refused(batches: list[Any], told: str) -> None:
    with pytest.raises(WrongBatchSize, match=told):
        counted(batches)


def test_the_count_goes_on_from_a_checkpoint() -> None:
    first = SampleCount(32, "m:build")
    first.add(ragged(32, 70), 1)
    again = SampleCount(32, "m:build")
    again.load_state(first.state())
    again.add(ragged(7, 9), 2)
    assert again.total == 39


def run(step: OwnStep, steps: int) -> None:
    for _ in range(steps):
        step.run()


@pytest.mark.parametrize(
    ("sizes", "fits"),
    [((32, 32, 32), True), ((32, 32, 16), True), ((32, 48, 32), False), ((20, 20, 20), False)],
)
def test_the_verdict_is_that_of_check_model(sizes: tuple[int, ...], fits: bool) -> None:
    """Batches for each size that ``check_model`` tries: it halves ``job.batch``."""
    make = but(
        batches=lambda j, o: [
            batch for n in sizes for batch in DataLoader(rows(n * j.batch // 32), n * j.batch)
        ]
    )
    step = OwnStep(TrialJob(batch=32).of(make), make)
    if fits:
        check_model(make, TrialJob(batch=32))
        run(step, len(sizes))
        assert step.sampled.total == sum(sizes)
        return
    with pytest.raises(WrongBatch) as told:
        check_model(make, TrialJob(batch=32))
    with pytest.raises(WrongBatchSize) as raised:
        run(step, len(sizes))
    assert str(told.value) == str(raised.value)
