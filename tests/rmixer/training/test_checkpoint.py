"""A checkpoint is whole or not there; what is damaged is noticed and told."""

from __future__ import annotations

import errno
import io
import resource
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from rmixer.training.checkpoint import (
    StateNotKept,
    before,
    load_checkpoint,
    remove_checkpoints,
    save_checkpoint,
)


def state_of(number: int) -> dict[str, Any]:
    return {"weights": torch.full((3000,), float(number)), "plain": [number, "text", None, (1.5,)]}


def save(path: Path, *numbers: int) -> None:
    for number in numbers:
        save_checkpoint(path, number, state_of(number))


def found_step(path: Path) -> int:
    """The step of the checkpoint, whose content must be that step's."""
    found = load_checkpoint(path)
    assert found.state is not None
    assert torch.equal(found.state["weights"], state_of(found.step)["weights"])
    assert found.state["plain"] == state_of(found.step)["plain"]
    return found.step


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_was_saved_last_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "new" / "job.ckpt"
    save(path, 1, 2, 3)
    assert found_step(path) == 3
    assert found_step(before(path)) == 2
    assert names(path.parent) == ["job.ckpt", "job.ckpt.before"]
    assert torch.load(path, weights_only=True)["step"] == 3  # by anyone
    remove_checkpoints(path)
    assert names(path.parent) == []


def test_nothing_is_there(tmp_path: Path) -> None:
    found = load_checkpoint(tmp_path / "job.ckpt")
    assert (found.step, found.state, found.remarks) == (0, None, ())


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def cut_by_one(data: bytes) -> bytes:
    return data[:-1]


def flipped(data: bytes) -> bytes:
    """One bit is another one, in the middle of the weights."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def emptied(data: bytes) -> bytes:
    return b""


@pytest.mark.parametrize("damage", [cut, cut_by_one, flipped, emptied])
def test_the_one_before_takes_the_place_of_a_damaged_one(tmp_path: Path, damage: Any) -> None:
    path = tmp_path / "job.ckpt"
    save(path, 1, 2)
    path.write_bytes(damage(path.read_bytes()))
    found = load_checkpoint(path)
    assert found.step == 1
    (remark,) = found.remarks
    assert remark.startswith(f"{path} is damaged (")

    assert found_step(path) == 1
    save(path, 3)
    assert (found_step(path), found_step(before(path))) == (3, 1)


def test_the_process_ended_between_the_two_renames(tmp_path: Path) -> None:
    path = tmp_path / "job.ckpt"
    save(path, 1, 2)
    path.unlink()
    assert load_checkpoint(path).remarks == ()
    assert found_step(path) == 1


def test_both_are_damaged(tmp_path: Path) -> None:
    path = tmp_path / "job.ckpt"
    save(path, 1, 2)
    for each in (path, before(path)):
        each.write_bytes(flipped(each.read_bytes()))
    found = load_checkpoint(path)
    assert (found.step, found.state, len(found.remarks)) == (0, None, 2)


def test_a_full_disk_leaves_the_earlier_ones(tmp_path: Path) -> None:
    """The system refuses a longer file as a full disk does: in the middle of a write."""
    path = tmp_path / "job.ckpt"
    save(path, 1, 2)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large") as failed:
            save_checkpoint(path, 3, {"weights": torch.ones(1 << 20)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert failed.value.errno == errno.EFBIG
    assert names(tmp_path) == ["job.ckpt", "job.ckpt.before"]
    assert (found_step(path), found_step(before(path))) == (2, 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_no_space_left_is_said(tmp_path: Path) -> None:
    path = tmp_path / "job.ckpt"
    save(path, 1)
    (tmp_path / ".job.ckpt.tmp").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as failed:
        save_checkpoint(path, 2, {"weights": torch.ones(1 << 20)})
    assert failed.value.errno == errno.ENOSPC
    assert names(tmp_path) == ["job.ckpt"]
    assert found_step(path) == 1


@pytest.mark.parametrize("value", [io.BytesIO(), Path("here"), lambda: 1])
def test_what_could_not_be_loaded_again_is_not_saved(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "job.ckpt"
    save(path, 1)
    with pytest.raises(StateNotKept, match="allowed: tensors, numbers, text"):
        save_checkpoint(path, 2, {"weights": value})
    assert names(tmp_path) == ["job.ckpt"]
    assert found_step(path) == 1
