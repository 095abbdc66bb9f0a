"""The two ways in which a command ends badly, and what a user is told."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Something the user gave is wrong: the command ends with exit code 2 and one message.

    ``where`` is a file or a command-line option, ``key`` the place inside it
    (``jobs.2.batch``), ``found`` what stands there, ``allowed`` what may stand there.
    """

    def __init__(self, where: object, key: str, found: object, allowed: str) -> None:
        self.where, self.key, self.found, self.allowed = str(where), key, found, allowed
        place = f"{where}: {key}" if key else f"{where}"
        super().__init__(f"{place}: found {found}; allowed: {allowed}")


class RunFailed(RuntimeError):
    """The run itself failed (a job failed for good, a goal was missed): exit code 1."""


def choice(found: str, names: Iterable[str]) -> str:
    """Text for ``InputError.allowed`` when one of ``names`` was expected, the nearest first."""
    known = sorted(names)
    nearest = difflib.get_close_matches(found, known, n=1, cutoff=0.5)
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    return f"{hint}one of {', '.join(known)}"
