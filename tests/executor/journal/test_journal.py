"""What is in the journal is on the disk; what is cut off it is a suffix, and never an error."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from executor.journal.journal import NAME, Answer, Journal, JournalBlocked, StepsMade
from executor.journal.opening import existing_journal, open_journal
from executor.journal.transitions import Transition
from rmixer.errors import InputError


def transition(number: int) -> Transition:
    return Transition("phase", float(number), "a", 1, {"phase": "train" * 100})


def written(path: Path, count: int) -> list[Transition]:
    """A journal that is left as a killed process leaves it: not closed, a transition a write."""
    transitions = [transition(number) for number in range(count)]
    with Journal(path) as journal:
        for each in transitions:
            journal.write([each], [StepsMade("a", 1, [each.at_s, each.at_s + 0.5])])
        for part in path.parent.glob(f"{path.name}*"):
            shutil.copy(part, path.parent / f"copy-{part.name}")
    for part in path.parent.glob(f"copy-{path.name}*"):
        part.rename(path.parent / part.name.removeprefix("copy-"))
    return transitions


def test_what_is_written_is_read_by_another_process_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / NAME
    with Journal(path) as ours:
        ours.write([transition(0), transition(1)])
        with Journal(path) as theirs:
            theirs.write([], [StepsMade("a", 1, [1.0], 0.5), StepsMade("b", 2, [3.0])])
            assert theirs.transitions() == [transition(0), transition(1)]
        ours.write([], [StepsMade("a", 1, [2.0])])
        assert ours.steps() == [
            StepsMade("a", 1, [1.0], 0.5),
            StepsMade("b", 2, [3.0]),
            StepsMade("a", 1, [2.0]),
        ]


def test_it_is_forced_to_the_disk(tmp_path: Path) -> None:
    """What SQLite's documentation asks for, for a transaction to outlive a power cut."""
    with Journal(tmp_path / NAME) as journal:
        assert journal._base.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert journal._base.execute("PRAGMA synchronous").fetchone() == (2,)


def test_all_of_a_write_or_nothing(tmp_path: Path) -> None:
    with Journal(tmp_path / NAME) as journal:
        wrong = Transition("phase", 0.0, "a", 1, {"phase": {1, 2}})
        with pytest.raises(TypeError):
            journal.write([transition(0), wrong])
        assert journal.transitions() == []


def test_one_that_somebody_has_locked_is_not_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("executor.journal.journal.BUSY_S", 0.05)
    path = tmp_path / NAME
    with Journal(path) as journal:
        journal.write([transition(0)])
        locking = sqlite3.connect(path, isolation_level=None)
        locking.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalBlocked, match="cannot be written: database is locked"):
            journal.write([transition(1)])
        with pytest.raises(JournalBlocked, match="database is locked"):
            open_journal(path)
        with pytest.raises(InputError, match="allowed: a journal that can be written"):
            existing_journal(tmp_path).__enter__()
        locking.close()
        journal.write([transition(2)])
    journal, damage = open_journal(path)
    with journal:
        assert (journal.transitions(), damage) == ([transition(0), transition(2)], None)
    assert not list(tmp_path.glob("*.damaged-*"))


def test_one_that_cannot_be_opened_stays_where_it_is(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    with pytest.raises(JournalBlocked, match="unable to open database file"):
        open_journal(tmp_path / NAME)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


@pytest.mark.parametrize("part", ["-wal", ""])
def test_a_journal_cut_anywhere_is_a_prefix(tmp_path: Path, part: str) -> None:
    source = tmp_path / "source" / NAME
    transitions = written(source, 40)
    if part == "":  # all of it in the file itself
        base = sqlite3.connect(source)
        base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        base.close()
    size = source.with_name(source.name + part).stat().st_size
    read, told = set(), 0
    for number, at in enumerate(range(0, size, size // 23)):
        folder = tmp_path / str(number)
        shutil.copytree(source.parent, folder)
        os.truncate(folder / (NAME + part), at)
        journal, damage = open_journal(folder / NAME)
        with journal:
            found = journal.transitions()
            assert found == transitions[: len(found)]
            journal.write([transition(99)])
            assert journal.transitions()[-1] == transition(99)
        told += damage is not None
        read.add(len(found))
        if damage is not None:
            assert "damaged" in damage
            assert list(folder.glob(f"{NAME}.damaged-1"))
    assert len(read) > 5 or part == ""
    assert told > 0 or part == "-wal"


def test_requests_are_answered_once(tmp_path: Path) -> None:
    with Journal(tmp_path / NAME) as journal:
        number = journal.ask("cancel", "a")
        (request,) = journal.requests()
        assert (request.kind, request.content) == ("cancel", "a")
        assert journal.answer_to(number) is None
        journal.write([transition(0)], answers={request.number: Answer("done")})
        journal.write([], answers={request.number: Answer("too late", refused=True)})
        assert journal.answer_to(number) == Answer("done")
        assert journal.requests() == []


def test_a_folder_without_a_journal(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="the folder of an execution"),
        existing_journal(tmp_path),
    ):
        pass


def test_who_only_reads_changes_nothing_and_sees_what_is_written_meanwhile(tmp_path: Path) -> None:
    with Journal(tmp_path / NAME) as journal, existing_journal(tmp_path, read=True) as theirs:
        journal.write([transition(0)])
        assert theirs.transitions() == [transition(0)]
        with pytest.raises(JournalBlocked, match="readonly"):
            theirs.ask("cancel", "a")


def test_a_damaged_journal_is_said_in_a_line(tmp_path: Path) -> None:
    written(tmp_path / NAME, 40)
    (tmp_path / f"{NAME}-wal").unlink()
    (tmp_path / NAME).write_bytes(b"no journal at all" * 1000)
    with (
        pytest.raises(InputError, match="--resume` repairs"),
        existing_journal(tmp_path, read=True) as journal,
    ):
        journal.transitions()
