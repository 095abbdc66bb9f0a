"""Ends what a program has started and left to itself.

A process that lost its parent before anybody looked, or that went into a session of its own, is no
descendant any more that could be found. But it has the environment of the program, in which the
file of its steps is like no other's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psutil

_VARIABLE = "RMIXER_STEPS_FILE"
_PASSES = 20
"""Each finds what was started while the one before killed: a few are enough."""


def end_left_behind(steps_file: Path) -> None:
    """Kill every process of the program whose steps went to ``steps_file``, and what those start
    meanwhile."""
    for _ in range(_PASSES):
        found = list(_of_program(str(steps_file)))
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()
        if not found:
            return
        psutil.wait_procs(found, timeout=1.0)


def _of_program(steps_file: str) -> Iterator[psutil.Process]:
    """Those that still run. One that is no more but in its parent's books has nothing to end, and
    of another user's the environment cannot be read: it is none of ours."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            runs = process.status() != psutil.STATUS_ZOMBIE
            if runs and process.environ().get(_VARIABLE) == steps_file:
                yield process
