"""Finds why a program failed from its exit code and its last output."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rmixer.errors import RunFailed, WorkerLost
from rmixer.training.task_failure import Cause, OutOfMemory, TaskFailed

LINES = 50
"""The number of its last lines that are kept with the reason."""
_OUT_OF_MEMORY = re.compile(
    r"OutOfMemoryError|\bMemoryError\b|CUDA out of memory|[Cc]annot allocate memory|std::bad_alloc"
    r"|you tried to allocate \d+ bytes|DefaultCPUAllocator: can't allocate memory"
)
"""Messages of Python, torch, the system and C++ when memory is refused."""
_DISK = re.compile(r"No space left on device|Disk quota exceeded|\[Errno (28|122|5)\]")
_CHILD_KILLED = re.compile(r"Signal 9 \(SIGKILL\) received by PID|exitcode\s*: -9\b")
"""Messages of torchrun about a rank that was killed."""
_TORCHRUN = re.compile(r"^(=+|-+|Root Cause.*|Failures:|\s+<NO_OTHER_FAILURES>)$")


def failure_of_program(
    ended: str, was_killed: bool, memory: str, lines: Sequence[str]
) -> RunFailed:
    """The failure of a program that ``ended`` in this way, ``was_killed`` by a signal or not, with
    this ``memory``; ``lines`` are the last that it printed."""
    printed = "\n".join(lines)
    if was_killed:
        return with_lines(WorkerLost(f"the program {ended}"), lines)
    if _CHILD_KILLED.search(printed):
        text = f"a process of the program was killed by SIGKILL ({memory}), the program {ended}"
        return with_lines(WorkerLost(text), lines)
    last = _last_word(lines)
    reason = f"the program {ended}{f': {last}' if last else ''}"
    if _OUT_OF_MEMORY.search(printed):
        return with_lines(OutOfMemory(reason, reason, "out_of_memory"), lines)
    cause: Cause = "disk" if _DISK.search(printed) else "exception"
    return with_lines(TaskFailed(reason, reason, cause), lines)


def with_lines(why: RunFailed, lines: Sequence[str]) -> RunFailed:
    """``why``, followed by the last ``lines`` that the program printed."""
    printed = ["the end of what it printed:", *lines] if lines else ["it printed nothing"]
    text = "\n".join([why.reason, *printed])
    if isinstance(why, OutOfMemory):
        return OutOfMemory(why.reason, text, held_bytes=why.held_bytes)
    if isinstance(why, TaskFailed):
        return type(why)(why.reason, text, why.cause)
    return type(why)(text)


def _last_word(lines: Sequence[str]) -> str:
    words = [line for line in lines if line.strip() and not _TORCHRUN.match(line)]
    return words[-1].strip() if words else ""
