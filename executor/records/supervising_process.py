"""Identifies the process that supervises a run, so that others can check if it still runs."""

from __future__ import annotations

import contextlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Presence = Literal["alive", "gone", "elsewhere"]
_START_FIELD = 21 - 2
"""The index in ``/proc/PID/stat``, counted from the state, which follows the name."""


@dataclass(frozen=True)
class SupervisingProcess:
    """A process. ``pid`` may be given to another process later, which then has another ``start``
    (ticks of the system's clock). ``boot`` is the id of its machine's last boot, ``space`` of its
    process namespace (a container has its own)."""

    pid: int
    start: int
    boot: str
    space: str
    host: str

    @classmethod
    def this(cls) -> SupervisingProcess:
        """The calling process."""
        return cls(os.getpid(), _start(os.getpid()) or 0, _boot(), _space(), socket.gethostname())

    def presence(self) -> Presence:
        """Checks if it runs now; ``elsewhere`` if that cannot be seen from here."""
        if _boot() != self.boot:  # the same machine, switched on again, has none of its processes
            return "gone" if socket.gethostname() == self.host else "elsewhere"
        if _space() != self.space:
            return "elsewhere"
        return "alive" if _start(self.pid) == self.start else "gone"


def _start(pid: int) -> int | None:
    """The start of process ``pid`` in ticks; None if there is none or it is a zombie."""
    with contextlib.suppress(OSError):
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if state in "ZX" else int(rest[_START_FIELD - 1])
    return None


def _boot() -> str:
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def _space() -> str:
    with contextlib.suppress(OSError):
        return os.readlink("/proc/self/ns/pid")
    return ""
