"""Somebody has locked the journal of a run that goes on."""

from __future__ import annotations

import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from executed_workloads import execute
from program_jobs import STEPS, processes_of, program

from executor.journal.journal import NAME
from executor.supervision.execution import ExecutedRun
from executor.supervision.observer import Observer


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody waits long, and Ctrl-C is heard as in a command."""
    monkeypatch.setattr("executor.journal.journal.BUSY_S", 0.1)
    monkeypatch.setattr("executor.supervision.books.DISK_PAUSE_S", 0.1)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Locks(Observer):
    """Locks the journal in ``folder`` once the job has made some steps, and does ``deed`` then."""

    def __init__(self, folder: Path, deed: Callable[[], None]) -> None:
        self._path, self._deed = folder / NAME, deed
        self.locking: sqlite3.Connection | None = None
        self.texts: list[str] = []

    def progress(self, job: str, steps: int) -> None:
        if steps > 10 and self.locking is None:
            self.locking = sqlite3.connect(
                self._path, isolation_level=None, check_same_thread=False
            )
            self.locking.execute("BEGIN IMMEDIATE")
            self._deed()

    def unlock(self) -> None:
        assert self.locking is not None
        self.locking.close()

    def told(self, text: str) -> None:
        self.texts.append(text)


def run(folder: Path, observer: Observer, steps: int) -> ExecutedRun:
    job = program(folder / "code", "job", STEPS, str(steps), steps=steps)
    return execute(folder / "run", [job], observer=observer)


def test_for_a_while_it_holds_the_run_up(tmp_path: Path) -> None:
    locks = Locks(tmp_path / "run", lambda: threading.Timer(1.0, locks.unlock).start())
    ran = run(tmp_path, locks, steps=100)
    assert (ran.failure, ran.summary.jobs[0].state) == (None, "done")
    blocked, again = locks.texts
    assert blocked.endswith("database is locked; no job starts until this works again")
    assert again == "the journal is written again"


def test_who_is_in_a_hurry_is_told_what_is_not_in_it(tmp_path: Path) -> None:
    locks = Locks(tmp_path / "run", lambda: signal.raise_signal(signal.SIGINT))
    ran = run(tmp_path, locks, steps=500)
    locks.unlock()
    assert ran.interrupted
    lost, ends = locks.texts
    assert lost.endswith("database is locked; later events are not recorded")
    assert ends.startswith("the run ends at once: ")
    assert not processes_of(tmp_path)
    again = run(tmp_path, Observer(), steps=500)
    assert (again.summary.jobs[0].state, again.summary.jobs[0].attempt) == ("done", 2)
