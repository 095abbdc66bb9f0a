"""A control group for the processes of a run: the system pauses them before memory runs out."""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path

from profiles.machines.limits import GROUPS, own_groups

_VERSIONS = (
    # controller of its own, limit, whether the system only holds still who wants more
    ("memory", "memory.limit_in_bytes", "memory.oom_control"),
    ("", "memory.high", None),
)
NO_LIMIT_BYTES = 1 << 50
_NEAR_BYTES = 16 << 20


class MemoryGroup:
    """Pauses those of its processes that want more than the limit; the system kills none. It is of
    version 1 with the system's own killer turned off, or of version 2 with ``memory.high``."""

    def __init__(self, folder: Path, limit: str, control: str | None) -> None:
        self._folder, self._limit, self._control = folder, limit, control

    @classmethod
    def create(cls) -> MemoryGroup | None:
        """Returns a new group below this process's own, or None if that is not allowed."""
        for controller, limit, control in _VERSIONS:
            for parent in own_groups(GROUPS, controller)[:1]:
                folder = parent / f"rmixer-{os.getpid()}"
                for left in parent.glob("rmixer-*"):  # by a run that was killed
                    with contextlib.suppress(OSError):
                        left.rmdir()
                with contextlib.suppress(OSError):
                    folder.mkdir()
                    try:
                        if control is not None:
                            (folder / control).write_text("1", encoding="ascii")
                        (folder / limit).write_text(str(NO_LIMIT_BYTES), encoding="ascii")
                    except OSError:
                        folder.rmdir()
                    else:
                        return cls(folder, limit, control)
        return None

    def add(self, pid: int) -> bool:
        """Adds process ``pid`` and all that it starts from now on. Returns False if that was not
        allowed; a process that has ended counts as added."""
        try:
            (self._folder / "cgroup.procs").write_text(str(pid), encoding="ascii")
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return True

    def limit(self, limit_bytes: int) -> None:
        """Sets the group's limit. The system may refuse less than the group holds already."""
        with contextlib.suppress(OSError):
            (self._folder / self._limit).write_text(str(max(0, limit_bytes)), encoding="ascii")

    @property
    def used_bytes(self) -> int:
        """Bytes that the group holds now and that the system cannot drop."""
        names = r"total_rss|total_shmem" if self._control else r"anon|shmem"
        found = re.findall(rf"^(?:{names}) (\d+)$", self._read("memory.stat"), re.MULTILINE)
        return sum(map(int, found))

    @property
    def is_stuck(self) -> bool:
        """True if some of its processes are paused."""
        if self._control is not None:
            return re.search(r"^under_oom 1$", self._read(self._control), re.MULTILINE) is not None
        high = self._read(self._limit).strip()
        return high.isdigit() and self.used_bytes >= int(high) - _NEAR_BYTES

    def remove(self) -> None:
        """Removes the group after its processes have ended; the system takes a moment to see it."""
        end_s = time.monotonic() + 1.0
        while True:
            try:
                self._folder.rmdir()
            except FileNotFoundError:
                return
            except OSError:
                if time.monotonic() >= end_s:
                    return
                time.sleep(0.02)
            else:
                return

    def _read(self, name: str) -> str:
        try:
            return (self._folder / name).read_text(encoding="ascii")
        except OSError:
            return ""
