"""The failure of a worker's task in its parent: a cause, a line and the full text."""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from typing import Any, Literal

from rmixer.display.printable import LONGEST_LINE, printable
from rmixer.errors import DiskFull, InputError, LossNotFinite, RunFailed, WorkerLost, WorkerSilent
from rmixer.training.user_code import UserCodeFailed, explained

_REFUSED = re.compile(r"you tried to allocate (\d+) bytes")
"""The message of torch's allocator on the CPU; on a GPU torch raises its own class."""
_REFUSED_BY_DRIVER = re.compile(
    r"CUDA error: out of memory|CU(BLAS|DNN|FFT)_(STATUS_)?ALLOC_FAILED"
)
"""Messages of CUDA and its libraries when the driver has no more memory; they come as ordinary
errors."""


Cause = Literal["out_of_memory", "lost_worker", "hang", "bad_numbers", "data", "disk", "exception"]
"""The cause of a task's failure, which decides if it is tried again."""
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


class TaskFailed(RunFailed):
    """A worker's task raised an error: ``reason`` is one line, the text is complete. ``answer`` is
    the result of the job before that, if any."""

    def __init__(self, reason: str, text: str, cause: Cause = "exception") -> None:
        super().__init__(printable(text))
        self.answer: Mapping[str, object] = {}
        self._reason, self.cause = printable(reason, LONGEST_LINE), cause

    @property
    def reason(self) -> str:
        """The error in a line."""
        return self._reason


class OutOfMemory(TaskFailed):
    """A worker's task was refused memory, on its GPU or by the system, or was ended because it held
    too much, ``held_bytes`` (0: unknown)."""

    def __init__(
        self, reason: str, text: str, cause: Cause = "out_of_memory", held_bytes: int = 0
    ) -> None:
        super().__init__(reason, text, cause)
        self.held_bytes = held_bytes

    @property
    def asked_bytes(self) -> int | None:
        """The bytes that it asked for; None if the text does not say."""
        found = _REFUSED.search(str(self))
        return int(found[1]) if found else None


def report_of(error: BaseException) -> dict[str, Any]:
    """The message of a worker about ``error``; :func:`failure_of` reads it."""
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
    """Converts ``error`` to a :class:`RunFailed`."""
    return error if isinstance(error, RunFailed) else failure_of(report_of(error))


def cause_of(failure: RunFailed) -> Cause:
    """The cause of ``failure`` of a job."""
    if isinstance(failure, TaskFailed):
        return failure.cause
    if isinstance(failure, WorkerSilent):
        return "hang"
    return "lost_worker" if isinstance(failure, WorkerLost) else "exception"


def is_out_of_memory(error: BaseException) -> bool:
    """True if ``error``, or the one that a user's code raised, says that memory was refused."""
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
