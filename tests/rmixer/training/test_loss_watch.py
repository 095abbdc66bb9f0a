"""Losses are looked at once each, on a GPU only when they are asked for."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from rmixer.training.loss_watch import LossWatch


class OnGpu:
    """A loss on a GPU: to read it is to wait for the device."""

    device = SimpleNamespace(type="cuda")

    def __init__(self, value: float) -> None:
        self.value, self.reads = value, 0

    def __float__(self) -> float:
        self.reads += 1
        return self.value


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_the_first_that_is_not_finite_is_found_at_its_step(value: float) -> None:
    watch = LossWatch()
    losses = [0.5, -3.0, value, 0.1, math.nan]
    found = [watch.see(number, torch.tensor(loss)) for number, loss in enumerate(losses, 1)]
    assert found == [False, False, True, False, False]
    assert watch.first is not None
    assert watch.first[0] == 3


def test_finite_losses_are_never_reported() -> None:
    watch = LossWatch()
    assert not any(watch.see(n, torch.tensor(3.4e38)) for n in range(1, 5))
    assert not watch.see(5, None)
    assert not watch.check()
    assert watch.first is None


def test_on_a_gpu_nothing_is_read_before_the_check_and_the_step_is_still_known() -> None:
    watch = LossWatch()
    losses: list[Any] = [OnGpu(0.5), OnGpu(math.nan), OnGpu(math.inf)]
    assert not any(watch.see(number, loss) for number, loss in enumerate(losses, 1))
    assert [loss.reads for loss in losses] == [0, 0, 0]
    assert watch.check()
    assert watch.first is not None
    assert watch.first[0] == 2
    assert not watch.check()
