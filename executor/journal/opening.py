"""Opens the journal of a run folder: a new one, one to go on with, or one to read."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from executor.journal.journal import (
    NAME,
    Journal,
    JournalBlocked,
    is_elsewhere,
    steps_in,
    transitions_in,
)
from rmixer.errors import InputError

T = TypeVar("T")


def open_journal(path: Path) -> tuple[Journal, str | None]:
    """The journal at ``path``, a new one if there is none. A damaged one is set aside, its readable
    part is copied into the journal returned, and the text says so (None: no damage). Raises
    :class:`JournalBlocked` if it cannot be opened or written now."""
    try:
        journal = Journal(path)
        journal.transitions()
        journal.steps()
    except sqlite3.OperationalError as error:
        if is_elsewhere(error):
            raise JournalBlocked(f"{path} cannot be opened: {error}") from None
        return _salvaged(path, error)
    except (sqlite3.DatabaseError, ValueError, TypeError) as error:
        return _salvaged(path, error)
    return journal, None


@contextlib.contextmanager
def existing_journal(folder: Path, *, read: bool = False) -> Iterator[Journal]:
    """The journal of the execution in ``folder``, to ``read`` or to add a request. Raises
    :class:`InputError` if there is none, or if it is damaged or cannot be written."""
    path = folder / NAME
    if not path.exists():
        raise InputError(folder, "", f"no {NAME}", "the folder of an execution")
    try:
        with Journal(path, read=read) as journal:
            yield journal
    except InputError:
        raise
    except (JournalBlocked, sqlite3.OperationalError) as error:
        allowed = "a journal that can be read" if read else "a journal that can be written"
        raise InputError(path, "", str(error), allowed) from None
    except (sqlite3.DatabaseError, ValueError, TypeError) as error:
        allowed = "a whole journal: `rmixer execute --resume` repairs what can be read"
        raise InputError(path, "", f"a damaged file ({error})", allowed) from None


def _salvaged(path: Path, error: Exception) -> tuple[Journal, str]:
    rows, steps = _readable(path, transitions_in), _readable(path, steps_in)
    aside = _set_aside(path)
    journal = Journal(path)
    journal.write(rows, steps)
    return journal, (
        f"{path} was damaged ({error}): {len(rows)} transition(s) could be read, the file is kept "
        f"as {aside.name}; jobs whose end was lost with it go on from their checkpoints"
    )


def _readable(path: Path, read: Callable[[sqlite3.Connection], Iterator[T]]) -> list[T]:
    """Returns the rows that ``read`` finds in the damaged file before it fails."""
    found: list[T] = []
    with (
        contextlib.suppress(sqlite3.Error, ValueError, TypeError),
        contextlib.closing(sqlite3.connect(path)) as base,
    ):
        found.extend(read(base))
    return found


def _set_aside(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    for ending in ("", "-wal", "-shm"):
        part = path.with_name(path.name + ending)
        if part.exists():
            part.rename(aside.with_name(aside.name + ending))
    return aside
