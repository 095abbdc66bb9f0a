"""Files are whole on the disk, whatever the pieces that they are written in."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
from pathlib import Path
from typing import Any

import pytest

from rmixer.files.direct_file import _BUFFER_BYTES, _DIRECT, DirectFile, sync_folder

SIZES = [0, 1, 511, _BUFFER_BYTES - 1, _BUFFER_BYTES, _BUFFER_BYTES + 1, 3 * _BUFFER_BYTES + 4097]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("direct", [True, False])
def test_a_file_has_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, direct: bool
) -> None:
    if not direct:
        monkeypatch.setattr("rmixer.files.direct_file._DIRECT", 0)
    data = os.urandom(size)
    path = tmp_path / "file"
    path.write_bytes(b"what was there is longer" * _BUFFER_BYTES)
    with DirectFile(path) as file:
        for start in range(0, size, 1_234_567):
            piece = data[start : start + 1_234_567]
            assert file.write(memoryview(piece)) == len(piece)
        file.finish()
    sync_folder(tmp_path)
    assert path.read_bytes() == data


def test_a_file_system_that_knows_no_direct_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def refuse(path: Any, flags: int, mode: int = 0o777) -> int:
        if flags & _DIRECT:
            raise OSError(22, "Invalid argument")
        return opened(path, flags, mode)

    monkeypatch.setattr(os, "open", refuse)
    check_written(tmp_path / "file")


def test_a_file_system_that_refuses_direct_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def refuse(number: int, data: Any) -> int:
        if fcntl.fcntl(number, fcntl.F_GETFL) & _DIRECT:
            raise OSError(22, "Invalid argument")
        return write(number, data)

    monkeypatch.setattr(os, "write", refuse)
    check_written(tmp_path / "file")


def test_a_write_that_takes_less_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one then begins between two blocks of the disk."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda number, data: write(number, data[: 1_000_000 & ~511]))
    check_written(tmp_path / "file")


def check_written(path: Path) -> None:
    data = os.urandom(2 * _BUFFER_BYTES + 77)
    with DirectFile(path) as file:
        file.write(data)
        file.finish()
    assert path.read_bytes() == data


def test_a_full_disk_is_raised_at_the_end(tmp_path: Path) -> None:
    """The system refuses a longer file as a full disk does: in the middle of a write."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_BUFFER_BYTES + 1000, limits[1]))
    try:
        with DirectFile(tmp_path / "file") as file:
            data = bytes(3 * _BUFFER_BYTES)
            assert file.write(data) == len(data)
            with pytest.raises(OSError, match="File too large"):
                file.finish()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        DirectFile(tmp_path / "no" / "file")
