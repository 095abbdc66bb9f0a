"""The two ways in which a command fails, and their messages."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

LONGEST_WORD = 400
MOST_ERRORS = 10
"""A message lists at most this many errors."""


class InputError(ValueError):
    """Wrong input from the user: the command ends with exit code 2 and one message.

    ``where`` is a file or a command-line option, ``key`` the place inside it (``jobs.2.batch``),
    ``found`` the value there, ``allowed`` a description of valid values. ``line`` is the line in
    ``where``, counted from 1 (None: unknown).
    """

    line: int | None = None

    def __init__(self, where: object, key: str, found: object, allowed: str) -> None:
        self.where, self.key, self.found, self.allowed = str(where), key, found, allowed
        super().__init__(self.where, key, str(found), allowed)

    def __str__(self) -> str:
        line = None if self.line is None else f"line {self.line}"
        place = ": ".join(filter(None, (self.where, line, self.key)))
        return f"{place}: found {_shortened(self.found)}; allowed: {self.allowed}"


class InputErrors(InputError):  # noqa: N818 - several of them
    """Several wrong inputs at once: the message has a line for each of the first
    ``MOST_ERRORS``."""

    def __init__(self, errors: Sequence[InputError]) -> None:
        first = errors[0]
        super().__init__(first.where, first.key, first.found, first.allowed)
        self.errors = tuple(errors)
        self.args = (self.errors,)  # what pickle makes it of again

    def __str__(self) -> str:
        left = len(self.errors) - MOST_ERRORS
        more = [f"and {left} more"] if left > 0 else []
        return "\n".join([*map(str, self.errors[:MOST_ERRORS]), *more])


def each_error(error: InputError) -> tuple[InputError, ...]:
    """Splits ``error`` into its single errors."""
    return error.errors if isinstance(error, InputErrors) else (error,)


def all_of(errors: Sequence[InputError]) -> InputError:
    """Joins one or more ``errors`` into one."""
    return errors[0] if len(errors) == 1 else InputErrors(errors)


def refuse(errors: Sequence[InputError]) -> None:
    """Raises all of ``errors`` as one :class:`InputError`; does nothing if there are none."""
    if errors:
        raise all_of(errors)


class RunFailed(RuntimeError):  # noqa: N818 - an outcome
    """The run itself failed (a job failed for good, a goal was missed): exit code 1."""

    @property
    def reason(self) -> str:
        """The first line of the message."""
        return str(self).partition("\n")[0]


class WorkerLost(RunFailed):
    """A worker process has ended, or closed its connection."""


class WorkerSilent(RunFailed):
    """A worker process did not answer in time."""


class DiskFull(RunFailed):
    """No room is left for the file at ``path``. ``answer`` is the job's result at that moment."""

    def __init__(self, path: object) -> None:
        super().__init__(path)
        self.answer: dict[str, object] = {}

    def __str__(self) -> str:
        return f"disk full: {self.args[0]}"


class PolicyStarved(RunFailed):
    """A policy leaves jobs waiting on an idle machine, and no event can change that."""


class PolicyWrong(RunFailed):
    """A policy gave an answer that cannot be carried out. It counts as wrong input: exit code 2."""


class PolicyFailed(RunFailed):
    """A user's policy raised ``error``; the text has the traceback of the user's code."""

    def __init__(self, text: str, error: BaseException) -> None:
        super().__init__(text, error)
        self.error = error

    def __str__(self) -> str:
        return str(self.args[0])


class LossNotFinite(RunFailed):
    """The loss of a job is NaN or infinite."""


def _shortened(text: object) -> str:
    """``text`` with both ends only of words too long for a message (a number of thousands of
    digits)."""
    return re.sub(rf"\S{{{LONGEST_WORD + 1},}}", _both_ends, str(text))


def _both_ends(found: re.Match[str]) -> str:
    word = found[0]
    return f"{word[:20]}…{word[-20:]} ({len(word)} characters)"


def choice(found: str, names: Iterable[str]) -> str:
    """Text for ``InputError.allowed`` when one of ``names`` was expected, the nearest first."""
    known = sorted(names)
    by_lower = {name.lower(): name for name in known}
    nearest = difflib.get_close_matches(found.lower(), by_lower, n=1, cutoff=0.5)
    hint = f"did you mean {by_lower[nearest[0]]!r}? " if nearest else ""
    return f"{hint}one of {', '.join(known)}"
