"""A run's journal: a SQLite file that every transition is in before it is acted on."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from executor.journal.transitions import Kind, Transition
from rmixer.errors import InputError, RunFailed

NAME = "journal.sqlite"
BUSY_S = 30.0
VERSION = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS transitions (
    number INTEGER PRIMARY KEY, clock_s REAL, at_s REAL, kind TEXT, job TEXT, attempt INTEGER,
    detail TEXT);
CREATE TABLE IF NOT EXISTS steps (
    number INTEGER PRIMARY KEY, job TEXT, attempt INTEGER, ends_s BLOB);
CREATE TABLE IF NOT EXISTS requests (
    number INTEGER PRIMARY KEY, clock_s REAL, kind TEXT, content TEXT, answer TEXT);
"""


@dataclass(frozen=True)
class Request:
    """What somebody asks of a run from outside: to ``cancel`` a job, or to ``add`` a workload."""

    number: int
    kind: Literal["cancel", "add"]
    content: Any


class JournalFull(RunFailed):
    """The disk takes no more of the journal."""


class Journal:
    """The journal in ``folder``. Every write is on the disk when the call returns (WAL,
    ``synchronous=FULL``); any number of processes may read, and write requests, meanwhile.

    Wall-clock times in it are for people: nothing is decided by them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._base = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
        try:
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA synchronous=FULL")
            with self._transaction():
                for statement in filter(str.strip, _TABLES.split(";")):
                    self._base.execute(statement)
                self._base.execute(f"PRAGMA user_version={VERSION}")
        except BaseException:
            self._base.close()
            raise

    def write(
        self,
        transitions: Iterable[Transition],
        steps: Iterable[tuple[str, int, Sequence[float]]] = (),
    ) -> None:
        """Write all, or none: transitions in order, and for a job and attempt the ends of further
        steps in seconds of the run's clock. Raises :class:`JournalFull`."""
        clock_s = time.time()
        rows = [
            (clock_s, t.at_s, t.kind, t.job, t.attempt, json.dumps(dict(t.detail)))
            for t in transitions
        ]
        ends = [(job, attempt, np.asarray(e, "<f8").tobytes()) for job, attempt, e in steps]
        with self._transaction():
            self._base.executemany(
                "INSERT INTO transitions (clock_s, at_s, kind, job, attempt, detail) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )
            self._base.executemany(
                "INSERT INTO steps (job, attempt, ends_s) VALUES (?, ?, ?)", ends
            )

    def transitions(self) -> list[Transition]:
        """All so far, in order."""
        found = self._base.execute(
            "SELECT kind, at_s, job, attempt, detail FROM transitions ORDER BY number"
        )
        return [_transition(row) for row in found]

    def step_ends_s(self) -> dict[tuple[str, int], list[float]]:
        """The ends of the steps of each job and attempt, in seconds of the run's clock."""
        ends: dict[tuple[str, int], list[float]] = {}
        found = self._base.execute("SELECT job, attempt, ends_s FROM steps ORDER BY number")
        for job, attempt, blob in found:
            ends.setdefault((job, attempt), []).extend(np.frombuffer(blob, "<f8").tolist())
        return ends

    def ask(self, kind: Literal["cancel", "add"], content: object) -> int:
        """Ask something of the run; it is answered under the number returned."""
        with self._transaction():
            cursor = self._base.execute(
                "INSERT INTO requests (clock_s, kind, content) VALUES (?, ?, ?)",
                (time.time(), kind, json.dumps(content)),
            )
        return int(cursor.lastrowid or 0)

    def requests(self) -> list[Request]:
        """Those without an answer yet."""
        found = self._base.execute(
            "SELECT number, kind, content FROM requests WHERE answer IS NULL ORDER BY number"
        )
        return [Request(number, kind, json.loads(content)) for number, kind, content in found]

    def answer(self, request: Request, answer: str) -> None:
        """What became of ``request``, in words."""
        with self._transaction():
            self._base.execute(
                "UPDATE requests SET answer = ? WHERE number = ?", (answer, request.number)
            )

    def answer_to(self, number: int) -> str | None:
        """What became of the request of that number; None as long as nobody has answered."""
        found = self._base.execute("SELECT answer FROM requests WHERE number = ?", (number,))
        row = found.fetchone()
        return None if row is None else row[0]

    def last_written(self) -> float | None:
        """When the last transition was written, by the wall clock; None of an empty journal."""
        found = self._base.execute("SELECT clock_s FROM transitions ORDER BY number DESC LIMIT 1")
        row = found.fetchone()
        return None if row is None else float(row[0])

    def close(self) -> None:
        """No more is written or read."""
        self._base.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._base.execute("BEGIN IMMEDIATE")
            yield
            self._base.execute("COMMIT")
        except BaseException as error:
            with contextlib.suppress(sqlite3.Error):
                self._base.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError) and _is_full(error):
                raise JournalFull(f"the disk takes no more of {self.path}: {error}") from None
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_journal(path: Path) -> tuple[Journal, str | None]:
    """The journal at ``path``, a new one if there is none. One that is damaged is set aside; what
    can be read of it is in the one returned, and the text says what happened."""
    try:
        journal = Journal(path)
        journal.transitions()
        journal.step_ends_s()
    except (sqlite3.DatabaseError, ValueError, TypeError) as error:
        return _salvaged(path, error)
    return journal, None


def existing_journal(folder: Path) -> Journal:
    """The journal of the run in ``folder``. Raises :class:`InputError` where there is none, or
    where it is damaged."""
    path = folder / NAME
    if not path.exists():
        raise InputError(folder, "", f"no {NAME}", "the folder of an execution")
    try:
        return Journal(path)
    except sqlite3.DatabaseError as error:
        allowed = "a whole journal: `rmixer execute --resume` repairs what can be read"
        raise InputError(path, "", str(error), allowed) from None


def _salvaged(path: Path, error: Exception) -> tuple[Journal, str]:
    with contextlib.ExitStack() as stack:
        rows: list[Transition] = []
        ends: list[tuple[str, int, list[float]]] = []
        with contextlib.suppress(sqlite3.Error, ValueError, TypeError):
            base = stack.enter_context(contextlib.closing(sqlite3.connect(path)))
            for row in base.execute(
                "SELECT kind, at_s, job, attempt, detail FROM transitions ORDER BY number"
            ):
                rows.append(_transition(row))
        with contextlib.suppress(sqlite3.Error, ValueError, TypeError):
            base = stack.enter_context(contextlib.closing(sqlite3.connect(path)))
            for job, attempt, blob in base.execute(
                "SELECT job, attempt, ends_s FROM steps ORDER BY number"
            ):
                ends.append((job, attempt, np.frombuffer(blob, "<f8").tolist()))
    aside = _set_aside(path)
    journal = Journal(path)
    journal.write(rows, ends)
    return journal, (
        f"{path} was damaged ({error}): {len(rows)} transition(s) could be read, the file is kept "
        f"as {aside.name}; jobs whose end was lost with it go on from their checkpoints"
    )


def _transition(row: tuple[Kind, float, str, int, str]) -> Transition:
    kind, at_s, job, attempt, detail = row
    return Transition(kind, float(at_s), str(job), int(attempt), dict(json.loads(detail)))


def _set_aside(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    for ending in ("", "-wal", "-shm"):
        part = path.with_name(path.name + ending)
        if part.exists():
            part.rename(aside.with_name(aside.name + ending))
    return aside


def _is_full(error: sqlite3.OperationalError) -> bool:
    full = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
    return (error.sqlite_errorcode & 0xFF) in full
