"""Ends programs whose supervisor is gone: ``python -I -S guard.py``.

The system ends a program's first process together with the supervisor, but not the processes that
it started: the ranks of ``torchrun``, the workers of a data loader. This process reads, a line
each, the paths of the programs' step files, which all processes of a program have in their
environment. When its input ends, it kills all of them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

VARIABLE = b"RMIXER_STEPS_FILE="
PASSES, PAUSE_S = 20, 0.05
"""Each pass finds processes that were started while the one before killed."""


def of_programs(marks: set[bytes]) -> list[int]:
    """The running processes of this user that have one of ``marks`` in their environment."""
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
