"""Ends processes that a program has started and left behind.

A process that lost its parent before it was noticed, or that has its own session, can no longer be
found as a descendant. But its environment has the unique path of the program's step file.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psutil

_VARIABLE = "RMIXER_STEPS_FILE"
_PASSES = 20
"""Each pass finds processes that were started while the one before killed: a few are enough."""


def end_left_behind(steps_file: Path) -> None:
    """Kills every process of the program whose steps went to ``steps_file``, and every process
    that these start in the meantime."""
    for _ in range(_PASSES):
        found = list(_of_program(str(steps_file)))
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()
        if not found:
            return
        psutil.wait_procs(found, timeout=1.0)


def _of_program(steps_file: str) -> Iterator[psutil.Process]:
    """Yields its running processes. Zombies have nothing to end; processes of other users, whose
    environment cannot be read, are not ours."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            runs = process.status() != psutil.STATUS_ZOMBIE
            if runs and process.environ().get(_VARIABLE) == steps_file:
                yield process
