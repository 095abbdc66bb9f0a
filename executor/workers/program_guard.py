"""Ends programs whose supervisor is no more: ``python -I -S guard.py``.

The system ends a program's first process together with the supervisor, but not what that process
started: the ranks of ``torchrun``, the workers of a data loader. This process is told, a line each,
the files that the programs' steps are noted in, which all processes of a program have in their
environment. When nobody can tell it more, it ends all of them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

VARIABLE = b"RMIXER_STEPS_FILE="
PASSES, PAUSE_S = 20, 0.05
"""Each pass finds what was started while the one before killed."""


def of_programs(marks: set[bytes]) -> list[int]:
    """The processes of this user that have one of ``marks`` in their environment and still run."""
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:
            if not marks.isdisjoint(file.read().split(b"\0")):
                found.append(int(name))
    return found


if __name__ == "__main__":
    marks = {VARIABLE + line.rstrip(b"\n") for line in sys.stdin.buffer}
    for _ in range(PASSES):
        processes = of_programs(marks)
        for process in processes:
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        if not processes:
            break
        time.sleep(PAUSE_S)
