"""What input costs by itself."""

from __future__ import annotations

import errno
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from profiles.in_worker import input_cost
from profiles.in_worker.input_cost import drop_from_cache
from rmixer.model_profile.model_profile import InputCost
from rmixer.testing.made_up import make_operator, make_profile
from rmixer.training.own_batches import OwnBatches


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


def test_an_epoch_is_over_when_its_time_is_or_after_one_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(input_cost, "EPOCH_S", 0.02)
    assert input_cost._epoch(lambda: time.sleep(0.03), 10)["batches"] == 1


def test_a_loader_s_processes_count_when_they_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loader of 8 batches with a process of its own, begun again seven times: each batch takes
    10 ms of that process's time, and some of ours."""
    monkeypatch.setattr(input_cost, "EPOCH_S", 60.0)
    batches = OwnBatches(
        DataLoader(_Busy(), batch_size=1, num_workers=1), "own", torch.device("cpu")
    )  # type: ignore[arg-type]
    found = input_cost._epoch(batches.next, 64)
    assert found["batches"] == 64
    assert 10_000 <= found["core_us"] < 60_000
    assert input_cost._epoch(batches.next, 4)["core_us"] >= 0


class _Busy(Dataset[torch.Tensor]):
    """8 items, each of which takes 10 ms of processor time."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, item: int) -> torch.Tensor:
        end_s = time.process_time() + 0.01
        while time.process_time() < end_s:
            pass
        return torch.zeros(3)


def test_what_is_forgotten_is_read_from_storage_again(tmp_path: Path) -> None:
    path = tmp_path / "items.npy"
    path.write_bytes(b"abc" * 100_000)
    assert _is_held(path)
    other = tmp_path / "other.npy"
    other.write_bytes(b"abc" * 100_000)
    if not _can_be_forgotten(other):
        pytest.skip("this file system keeps its files in memory")
    drop_from_cache(path)
    assert not _is_held(path)
    assert path.read_bytes() == b"abc" * 100_000
    assert _is_held(path)


def _can_be_forgotten(path: Path) -> bool:
    """By the system's own calls, whatever the code under test does."""
    descriptor = os.open(path, os.O_RDWR)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)
    return not _is_held(path)


def _is_held(path: Path) -> bool:
    """Whether the end of a file can be read without waiting for storage."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.preadv(descriptor, [bytearray(100)], path.stat().st_size - 100, os.RWF_NOWAIT)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        pytest.skip("this file system does not say")
    finally:
        os.close(descriptor)
    return True


def test_input_bound_is_the_share_of_the_step_that_waits() -> None:
    """Of 1000 us a warm step waits 100; a cold one 250 longer: 350 of 1250."""
    rows = [
        make_operator(100.0, phase="input"),
        make_operator(850.0, gap_before_us=50.0, index=1),
    ]
    epochs = (InputCost("cold", 10, 300.0, 0, 0), InputCost("warm", 10, 50.0, 0, 0))
    profile = replace(make_profile(operators=rows), input=epochs)
    assert profile.input_bound("warm", 1) == pytest.approx(0.1)
    assert profile.input_bound("cold", 1) == pytest.approx(0.28)
    assert replace(profile, input=epochs[1:]).input_bound("cold", 1) is None
