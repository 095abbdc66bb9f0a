"""A run's journal: a SQLite file that gets every transition before the run acts on it."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from executor.journal.transitions import Kind, Transition
from rmixer.errors import RunFailed
from rmixer.files.direct_file import sync_folder

NAME = "journal.sqlite"
BUSY_S = 30.0
VERSION = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS transitions (
    number INTEGER PRIMARY KEY, clock_s REAL, at_s REAL, kind TEXT, job TEXT, attempt INTEGER,
    detail TEXT);
CREATE TABLE IF NOT EXISTS steps (
    number INTEGER PRIMARY KEY, job TEXT, attempt INTEGER, ends_s BLOB, loss REAL);
CREATE TABLE IF NOT EXISTS requests (
    number INTEGER PRIMARY KEY, clock_s REAL, kind TEXT, content TEXT, answer TEXT);
"""


RequestKind = Literal["cancel", "add"]


@dataclass(frozen=True)
class Request:
    """A request to a run from outside: to ``cancel`` a job, or to ``add`` a workload."""

    number: int
    kind: RequestKind
    content: Any


@dataclass(frozen=True)
class Answer:
    """The answer to a request, in words; ``refused`` if it was not carried out."""

    text: str
    refused: bool = False


NO_ANSWERS: Mapping[int, Answer] = MappingProxyType({})


@dataclass(frozen=True)
class StepsMade:
    """Further steps of ``job`` in its ``attempt``: their ends in seconds of the run's clock, and
    the ``loss`` of one of the last of them, if it is known."""

    job: str
    attempt: int
    ends_s: Sequence[float]
    loss: float | None = None


class JournalBlocked(RunFailed):
    """The journal cannot be written now: the disk is full or fails, or another process has locked
    it. This may pass."""


class Journal:
    """The journal in ``folder``. Every write is on the disk when the call returns (WAL,
    ``synchronous=FULL``). Any number of processes may read, and write requests, meanwhile.

    Wall-clock times in it are for people; no decision depends on them. If it is only ``read``,
    nothing in the folder changes.
    """

    def __init__(self, path: Path, *, read: bool = False) -> None:
        self.path = path
        if read:
            where = f"{path.absolute().as_uri()}?mode=ro"
            self._base = sqlite3.connect(where, timeout=BUSY_S, isolation_level=None, uri=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        self._base = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
        try:
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA synchronous=FULL")
            with self._transaction():
                for statement in filter(str.strip, _TABLES.split(";")):
                    self._base.execute(statement)
                self._base.execute(f"PRAGMA user_version={VERSION}")
            sync_folder(path.parent)  # SQLite sees to the file, not to its name
        except BaseException:
            self._base.close()
            raise

    def write(
        self,
        transitions: Iterable[Transition],
        steps: Iterable[StepsMade] = (),
        answers: Mapping[int, Answer] = NO_ANSWERS,
    ) -> None:
        """Writes all or nothing: transitions in order, further steps, and ``answers`` to requests
        by their numbers. Raises :class:`JournalBlocked`."""
        clock_s = time.time()
        rows = [
            (clock_s, t.at_s, t.kind, t.job, t.attempt, json.dumps(dict(t.detail)))
            for t in transitions
        ]
        ends = [(s.job, s.attempt, np.asarray(s.ends_s, "<f8").tobytes(), s.loss) for s in steps]
        with self._transaction():
            self._base.executemany(
                "INSERT INTO transitions (clock_s, at_s, kind, job, attempt, detail) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )
            self._base.executemany(
                "INSERT INTO steps (job, attempt, ends_s, loss) VALUES (?, ?, ?, ?)", ends
            )
            self._base.executemany(
                "UPDATE requests SET answer = ? WHERE number = ? AND answer IS NULL",
                [(json.dumps(asdict(answer)), number) for number, answer in answers.items()],
            )

    @property
    def is_made(self) -> bool:
        """True if it has its tables. A journal that is only read may not have them yet."""
        asked = "SELECT 1 FROM sqlite_master WHERE name = 'requests'"
        return self._base.execute(asked).fetchone() is not None

    def transitions(self) -> list[Transition]:
        """The transitions so far, in order."""
        return list(transitions_in(self._base))

    def steps(self) -> list[StepsMade]:
        """The steps so far, as they were written."""
        return list(steps_in(self._base))

    def step_ends_s(self) -> dict[tuple[str, int], list[float]]:
        """The ends of the steps of each job and attempt, in seconds of the run's clock."""
        ends: dict[tuple[str, int], list[float]] = {}
        for made in self.steps():
            ends.setdefault((made.job, made.attempt), []).extend(made.ends_s)
        return ends

    def ask(self, kind: RequestKind, content: object) -> int:
        """Adds a request to the run and returns its number."""
        with self._transaction():
            cursor = self._base.execute(
                "INSERT INTO requests (clock_s, kind, content) VALUES (?, ?, ?)",
                (time.time(), kind, json.dumps(content)),
            )
        return int(cursor.lastrowid or 0)

    def requests(self) -> list[Request]:
        """The requests without an answer. Raises :class:`JournalBlocked`."""
        try:
            found = self._base.execute(
                "SELECT number, kind, content FROM requests WHERE answer IS NULL ORDER BY number"
            ).fetchall()
        except sqlite3.OperationalError as error:
            if may_pass(error):
                raise JournalBlocked(f"{self.path} cannot be read: {error}") from None
            raise
        return [Request(number, kind, json.loads(content)) for number, kind, content in found]

    def answer_to(self, number: int) -> Answer | None:
        """The answer to the request of that number; None if there is none yet."""
        found = self._base.execute("SELECT answer FROM requests WHERE number = ?", (number,))
        row = found.fetchone()
        return None if row is None or row[0] is None else Answer(**json.loads(row[0]))

    def written(self, kind: Kind | None = None) -> list[float]:
        """The wall-clock times at which transitions of ``kind`` were written; None means any
        kind."""
        found = self._base.execute(
            "SELECT clock_s FROM transitions WHERE ? IS NULL OR kind = ? ORDER BY number",
            (kind, kind),
        )
        return [float(clock_s) for (clock_s,) in found]

    def close(self) -> None:
        """Closes the file."""
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
            if isinstance(error, sqlite3.OperationalError) and may_pass(error):
                raise JournalBlocked(f"{self.path} cannot be written: {error}") from None
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def transitions_in(base: sqlite3.Connection) -> Iterator[Transition]:
    """The transitions in the journal ``base``, in order."""
    asked = "SELECT kind, at_s, job, attempt, detail FROM transitions ORDER BY number"
    for kind, at_s, job, attempt, detail in base.execute(asked):
        yield Transition(kind, float(at_s), str(job), int(attempt), dict(json.loads(detail)))


def steps_in(base: sqlite3.Connection) -> Iterator[StepsMade]:
    """The steps in the journal ``base``, in order."""
    asked = "SELECT job, attempt, ends_s, loss FROM steps ORDER BY number"
    for job, attempt, ends_s, loss in base.execute(asked):
        yield StepsMade(job, attempt, np.frombuffer(ends_s, "<f8").tolist(), loss)


def may_pass(error: sqlite3.OperationalError) -> bool:
    """True if the same call may succeed a while later."""
    return is_elsewhere(error) or (error.sqlite_errorcode & 0xFF) == sqlite3.SQLITE_IOERR


def is_elsewhere(error: sqlite3.OperationalError) -> bool:
    """True if the fault is not in the file: it is locked, the disk is full, or this process may not
    open or write it."""
    return (error.sqlite_errorcode & 0xFF) in (
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
    )
