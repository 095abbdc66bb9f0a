"""A lock on a run folder: one command at a time writes into it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from rmixer.errors import InputError


@contextlib.contextmanager
def hold_folder(path: Path) -> Iterator[None]:
    """Holds the lock on the run folder ``path``, which need not exist yet.

    The lock is a file in the parent folder, ``.NAME.lock``, because the folder itself may be
    renamed. It is removed at the end, and the system releases it if the process is killed. Raises
    :class:`InputError` if another process holds it: two runs in one folder would overwrite each
    other.
    """
    place = path.resolve()
    lock = place.with_name(f".{place.name}.lock")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        held = _opened(lock, path)
    except OSError as error:
        found = f"{place.parent}, which cannot be written ({error.strerror})"
        raise InputError(path, "--out", found, "a folder to write to") from None
    try:
        os.ftruncate(held, 0)
        with contextlib.suppress(OSError):  # a full disk is told of where it matters
            os.write(held, f"{os.getpid()} {' '.join(['rmixer', *sys.argv[1:]])}".encode())
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(held)


def _opened(lock: Path, path: Path) -> int:
    """The file ``lock``, open and locked."""
    while True:
        held = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_same(held, lock):
                return held
        except BlockingIOError:
            pid, _, command = os.pread(held, 4096, 0).decode(errors="replace").partition(" ")
            os.close(held)
            who = f"`{command}` (process {pid})" if command else "another process"
            allowed = "another folder, or the same once that has ended"
            raise InputError(path, "--out", f"a folder that {who} is using", allowed) from None
        os.close(held)  # who held it has removed it in between


def _is_same(held: int, lock: Path) -> bool:
    try:
        found = lock.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(held), found)
