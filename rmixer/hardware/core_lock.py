"""A lock on each core: one run at a time measures or trains on it, others wait.

Two executions on the same cores would slow each other down, and neither would match its prediction.
A run therefore holds a lock on each core that it may use. The lock is a listening socket in the
abstract namespace of Linux, ``rmixer-core-3``. It ends with its process and leaves no file. It
counts for all users of the machine (or of the container). A process that connects to it learns from
the system which process holds it.

A run with ``--share-machine`` does not wait. It tells the holders of the cores, so that both runs
are marked, and holds a second kind of socket, ``rmixer-core-3-shared-0`` and so on, for which later
runs wait.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import select
import socket
import struct
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from rmixer.errors import RunFailed

SCOPE = "RMIXER_LOCK"
"""The environment variable that separates groups of runs: runs with different values do not see
each other (the tests of this package use it)."""
_SHARERS = 16
_BACKLOG, _TRIES, _RETRY_S = 4096, 40, 0.05


class CoreLock:
    """The lock on ``cores``; within ``with`` it can be taken, at its end it is released.

    With ``share`` it does not wait for others. ``report`` is called with a line if it has to wait.
    """

    _taken_here: ClassVar[CoreLock | None] = None

    def __init__(
        self, cores: Sequence[int], report: Callable[[str], None], *, share: bool = False
    ) -> None:
        self._cores, self._report, self._share = tuple(sorted(cores)), report, share
        self._held: list[socket.socket] = []
        self._met: dict[int, str] = {}

    def take(self) -> None:
        """Returns once no other run uses one of the cores (at once if sharing), and keeps the lock.
        Inside another lock that this process has taken it does nothing."""
        if CoreLock._taken_here is not None:
            return
        if self._share:
            self._join()
        else:
            self._wait()
        CoreLock._taken_here = self

    @property
    def shared_with(self) -> tuple[str, ...]:
        """A text for each run that has used the same cores since the lock was taken."""
        for lock in self._held:
            with contextlib.suppress(BlockingIOError):
                while True:
                    other, _ = lock.accept()
                    with other:
                        self._hear(other)
        return tuple(self._met.values())

    def _hear(self, other: socket.socket) -> None:
        """Remembers the process of the connection ``other`` if it shares; others only looked."""
        other.setblocking(False)
        with contextlib.suppress(OSError):
            if said := other.recv(4096).decode(errors="replace"):
                self._meet(other, said)

    def _meet(self, connection: socket.socket, words: str = "") -> None:
        pid = _peer(connection)
        if pid != os.getpid():
            self._met.setdefault(pid, words or _words(pid))

    def _wait(self) -> None:
        said = ""
        while True:
            blocked = self._take_all()
            if blocked is None:
                return
            with blocked:
                who = _words(_peer(blocked))
                if who != said:
                    shown = ", ".join(map(str, self._cores))
                    allowed = "waiting until it ends (--share-machine starts at once)"
                    self._report(f"core(s) {shown}: {who} uses them: {allowed}")
                    said = who
                select.select([blocked], [], [])  # its end closes the connection

    def _take_all(self) -> socket.socket | None:
        """Takes every core, or takes none and returns a connection to the holder of one."""
        for core in self._cores:
            # First hold, then look: of two runs that do this at once, one sees the other.
            while (held := _listen(_name(core))) is None:
                if (found := next(_connected([_name(core)]), None)) is not None:
                    self.release()
                    return found
                time.sleep(_RETRY_S)  # it ends just now
            self._held.append(held)
            if (found := next(_connected(_shared_names(core)), None)) is not None:
                self.release()
                return found
        return None

    def _join(self) -> None:
        """Takes a place among the runs that share each core, and tells all others there."""
        for core in self._cores:
            ours = next(filter(None, map(_listen, _shared_names(core))), None)
            if ours is not None:
                self._held.append(ours)
            for connection in _connected([_name(core), *_shared_names(core)]):
                with connection, contextlib.suppress(OSError):
                    self._meet(connection)
                    connection.send(_words(os.getpid()).encode()[:4096])

    def release(self) -> None:
        """Frees the cores."""
        for held in self._held:
            held.close()
        self._held.clear()
        if CoreLock._taken_here is self:
            CoreLock._taken_here = None

    def __enter__(self) -> CoreLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def sharing() -> tuple[str, ...]:
    """A text for each run that has used the same cores since this process took its lock; empty
    without a lock."""
    lock = CoreLock._taken_here
    return lock.shared_with if lock is not None else ()


def _name(core: int) -> str:
    scope = os.environ.get(SCOPE, "")
    return f"\0rmixer{f'-{scope}' if scope else ''}-core-{core}"


def _shared_names(core: int) -> list[str]:
    return [f"{_name(core)}-shared-{number}" for number in range(_SHARERS)]


def _listen(name: str) -> socket.socket | None:
    """A socket that holds ``name``; None if another one does. Raises :class:`RunFailed` if the
    system has no such sockets."""
    held = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        held.bind(name)
    except OSError as error:
        held.close()
        if error.errno != errno.EADDRINUSE:
            raise RunFailed(f"cannot lock the cores of this machine: {error.strerror}") from None
        return None
    held.listen(_BACKLOG)
    held.setblocking(False)
    return held


def _connected(names: Sequence[str]) -> Iterator[socket.socket]:
    """A connection to each of ``names`` that is held."""
    for name in names:
        if (connection := _connection(name)) is not None:
            yield connection


def _connection(name: str) -> socket.socket | None:
    """A connection to the holder of ``name``; None if there is none."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(1.0)
    for _ in range(_TRIES):
        try:
            connection.connect(name)
        except BlockingIOError:  # so many wait there already
            time.sleep(_RETRY_S)
        except OSError:
            break
        else:
            return connection
    connection.close()
    return None


def _peer(connection: socket.socket) -> int:
    """The process that listens at the other end."""
    size = struct.calcsize("3i")
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    return int(struct.unpack("3i", raw)[0])


def _words(pid: int) -> str:
    """The command line of the process."""
    try:
        parts = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:  # it has ended, or is another user's on a machine that hides these
        return f"process {pid}"
    ours = ("rmixer", "rmixer.cli")
    start = next((index for index, part in enumerate(parts) if Path(part).name in ours), None)
    line = " ".join(parts if start is None else ["rmixer", *parts[start + 1 :]])
    line = textwrap.shorten(line, 120, placeholder=" …")
    return f"`{line}` (process {pid}{_of_user(pid)})" if line else f"process {pid}"


def _of_user(pid: int) -> str:
    """The owner of the process, if it is another user."""
    with contextlib.suppress(OSError, KeyError):
        owner = os.stat(f"/proc/{pid}").st_uid
        if owner != os.getuid():
            return f" of {pwd.getpwuid(owner).pw_name}"
    return ""
