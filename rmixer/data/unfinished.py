"""The folder in which a data set is made: by one process at a time, and kept on interruption."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

SUFFIX = ".unfinished"
_LOCK = "lock"


def unfinished_of(folder: Path) -> Path:
    """The folder in which the data set ``folder`` is made."""
    return folder.with_name(f".{folder.name}{SUFFIX}")


@contextlib.contextmanager
def making(folder: Path, report: Callable[[str], None]) -> Iterator[Path | None]:
    """The unfinished folder of ``folder``, held by this process alone; None if another one finished
    it meanwhile. Later processes wait and report it."""
    unfinished = unfinished_of(folder)
    while not folder.is_dir():
        try:
            unfinished.mkdir(parents=True, exist_ok=True)
        except FileExistsError:  # also if it was there and is renamed by now
            if unfinished.is_file():
                raise
            continue
        try:
            handle = os.open(unfinished / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        except FileNotFoundError:  # renamed or removed in between
            continue
        with os.fdopen(handle, "wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                report(f"waiting for another process that makes {folder.name}")
                fcntl.flock(lock, fcntl.LOCK_EX)
            if _is_still(unfinished / _LOCK, lock.fileno()):
                if folder.is_dir():
                    shutil.rmtree(unfinished)
                else:
                    yield unfinished
                    return
    yield None


def finish(unfinished: Path, folder: Path) -> None:
    """Renames ``unfinished`` to ``folder`` once all of it is on the disk."""
    for path in unfinished.iterdir():
        if path.is_file():
            _sync(path)
    _sync(unfinished)
    unfinished.rename(folder)
    _sync(folder.parent)
    (folder / _LOCK).unlink()


def empty(unfinished: Path) -> None:
    """Remove all but the lock."""
    for path in unfinished.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != _LOCK:
            path.unlink()


def remove_others(unfinished: Path, same: Callable[[Path], bool]) -> None:
    """Removes other unfinished folders in the same place that differ only in their fingerprint,
    unless a process holds them: no process will continue them."""
    for path in unfinished.parent.glob(f".*{SUFFIX}"):
        if path != unfinished and same(path) and not is_being_made(path):
            shutil.rmtree(path, ignore_errors=True)


def is_being_made(unfinished: Path) -> bool:
    """True if a process holds the folder now."""
    try:
        with (unfinished / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _is_still(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
