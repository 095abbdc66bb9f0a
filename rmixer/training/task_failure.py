"""What a worker's task raised, as its parent sees it: by cause, in a line and at length."""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from typing import Any, Literal

from rmixer.display.printable import LONGEST_LINE, printable
from rmixer.errors import DiskFull, InputError, LossNotFinite, RunFailed, WorkerLost, WorkerSilent
from rmixer.training.user_code import UserCodeFailed, explained

_REFUSED = re.compile(r"you tried to allocate (\d+) bytes")
"""What torch's allocator on the CPU says; on a GPU it raises a class of its own."""
_REFUSED_BY_DRIVER = re.compile(
    r"CUDA error: out of memory|CU(BLAS|DNN|FFT)_(STATUS_)?ALLOC_FAILED"
)
"""What CUDA and its libraries say where the driver has no more memory: an error like others."""


Cause = Literal["out_of_memory", "lost_worker", "hang", "bad_numbers", "data", "disk", "exception"]
"""Why a task failed, as far as it decides whether it can succeed when it is tried again."""
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


class TaskFailed(RunFailed):
    """A worker's task raised: ``reason`` says what in a line, the text says it at length.
    ``answer`` is what a job had to tell before that, if anything."""

    def __init__(self, reason: str, text: str, cause: Cause = "exception") -> None:
        super().__init__(printable(text))
        self.answer: Mapping[str, object] = {}
        self._reason, self.cause = printable(reason, LONGEST_LINE), cause

    @property
    def reason(self) -> str:
        """What was raised, in a line."""
        return self._reason


class OutOfMemory(TaskFailed):
    """A worker's task was refused memory, on its GPU or by the system, or ended because it held
    ``held_bytes``, too much (0 if nobody saw)."""

    def __init__(
        self, reason: str, text: str, cause: Cause = "out_of_memory", held_bytes: int = 0
    ) -> None:
        super().__init__(reason, text, cause)
        self.held_bytes = held_bytes

    @property
    def asked_bytes(self) -> int | None:
        """How much it asked for; None if the text does not tell."""
        found = _REFUSED.search(str(self))
        return int(found[1]) if found else None


def report_of(error: BaseException) -> dict[str, Any]:
    """What a worker sends of ``error``; :func:`failure_of` reads it."""
    reason, text = explained(error)
    return {
        "error": printable(reason, LONGEST_LINE),
        "traceback": printable(text),
        "cause": _cause(error),
        **({"answer": error.answer} if isinstance(error, DiskFull) else {}),
    }


def failure_of(report: dict[str, Any]) -> TaskFailed:
    """The failure that a worker's ``failed`` message reports."""
    kind = OutOfMemory if report["cause"] == "out_of_memory" else TaskFailed
    failure = kind(report["error"], report["traceback"], report["cause"])
    failure.answer = report.get("answer", {})
    return failure


def as_failure(error: Exception) -> RunFailed:
    """``error`` as the failure of what was done when it was raised."""
    return error if isinstance(error, RunFailed) else failure_of(report_of(error))


def cause_of(failure: RunFailed) -> Cause:
    """Why the job of ``failure`` failed, as its parent sees it."""
    if isinstance(failure, TaskFailed):
        return failure.cause
    if isinstance(failure, WorkerSilent):
        return "hang"
    return "lost_worker" if isinstance(failure, WorkerLost) else "exception"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error``, or the one that a user's own code raised, says that memory was refused."""
    if isinstance(error, UserCodeFailed):
        return is_out_of_memory(error.error)
    # By name, not to import torch here: its error on a GPU, which is no MemoryError.
    names = {kind.__name__ for kind in type(error).__mro__}
    text = str(error)
    refused = _REFUSED.search(text) or _REFUSED_BY_DRIVER.search(text)
    return bool(names & {"MemoryError", "OutOfMemoryError"} or refused)


def _cause(error: BaseException) -> Cause:
    if is_out_of_memory(error):
        return "out_of_memory"
    if isinstance(error, LossNotFinite):
        return "bad_numbers"
    if isinstance(error, DiskFull) or (isinstance(error, OSError) and error.errno in _DISK):
        return "disk"
    return "data" if isinstance(error, InputError) else "exception"
