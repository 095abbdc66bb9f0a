"""Errors inside a user's own code, shown without our frames."""

from __future__ import annotations

from pathlib import Path
from traceback import TracebackException
from types import TracebackType

from rmixer.errors import RunFailed

_PACKAGE = str(Path(__file__).resolve().parents[1])


class UserCodeFailed(RunFailed):
    """A user's own code raised ``error``."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(_one_line(error))
        self.error = error


class UserCode:
    """Wraps every call into a user's code: its errors become :class:`UserCodeFailed`.

    ``sys.exit`` is an error as well: it would end the worker.
    """

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if isinstance(error, (Exception, SystemExit)) and not isinstance(error, RunFailed):
            raise UserCodeFailed(error) from None


def explained(error: BaseException) -> tuple[str, str]:
    """``error`` in a line, and in full: an explanation for a user's mistake, the traceback without
    our frames for an error in the user's code, the whole traceback for any other."""
    if isinstance(error, UserCodeFailed):
        return str(error), users_traceback(error.error)
    if isinstance(error, RunFailed):
        return str(error), f"{error}\n"
    text = "".join(TracebackException.from_exception(error).format())
    return f"{type(error).__name__}: {error}", text


def users_traceback(error: BaseException) -> str:
    """The traceback of ``error`` from the first frame that is not ours."""
    shown = TracebackException.from_exception(error)
    while shown.stack and _is_ours(shown.stack[0].filename):
        del shown.stack[0]
    return "".join(shown.format())


def users_frames(error: BaseException) -> TracebackType | None:
    """The same as Python's frames, to raise ``error`` again with."""
    trace = error.__traceback__
    while trace is not None and _is_ours(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return trace


def _is_ours(file: str) -> bool:
    return file.startswith(_PACKAGE)


def _one_line(error: BaseException) -> str:
    """``error`` in one line. If it was raised in another process and has the traceback from there,
    the last line of that."""
    lines = str(error).strip().splitlines() or [""]
    if any(line.startswith("Original Traceback") for line in lines):
        return lines[-1]
    return f"{type(error).__name__}: {lines[0]}".removesuffix(": ")
