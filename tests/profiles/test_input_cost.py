"""What input costs by itself."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from profiles import input_cost
from profiles.input_cost import drop_from_cache
from rmixer.profile import InputCost
from sim.made_up import make_operator, make_profile


def test_waiting_is_no_work() -> None:
    """Batches of 12 bytes that take 5 ms of sleep each, ten at most."""

    def load() -> list[torch.Tensor]:
        time.sleep(0.005)
        return [torch.zeros(3)]

    found = input_cost._epoch(load, 10)
    assert found["batches"] == 10
    assert found["wait_us"] >= 5000
    assert found["core_us"] < found["wait_us"] / 2
    assert found["batch_bytes"] == 12


def test_an_epoch_is_no_longer_than_half_a_second_or_one_batch() -> None:
    assert input_cost._epoch(lambda: time.sleep(0.6), 10)["batches"] == 1


def test_what_is_forgotten_is_still_there(tmp_path: Path) -> None:
    path = tmp_path / "items.npy"
    path.write_bytes(b"abc" * 10_000)
    drop_from_cache(path)
    assert path.read_bytes() == b"abc" * 10_000


def test_input_bound_is_the_share_of_the_step_that_waits() -> None:
    """Of 1000 us a warm step waits 100; a cold one 250 longer: 350 of 1250."""
    rows = [
        make_operator(100.0, phase="input"),
        make_operator(850.0, gap_before_us=50.0, index=1),
    ]
    epochs = (InputCost("cold", 10, 300.0, 0, 0, 0), InputCost("warm", 10, 50.0, 0, 0, 0))
    profile = replace(make_profile(operators=rows), input=epochs)
    assert profile.input_bound("warm", 1) == pytest.approx(0.1)
    assert profile.input_bound("cold", 1) == pytest.approx(0.28)
    assert replace(profile, input=epochs[1:]).input_bound("cold", 1) is None
