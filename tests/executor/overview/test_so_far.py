"""A run that was killed leaves no summary: its journal tells what one would have said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_up_records import BEFORE_S, STEP_S, WARM, MadeUp, jobs

from executor.journal.journal import NAME, Journal, StepsMade
from executor.journal.transitions import Transition
from executor.overview.so_far import so_far
from rmixer.errors import InputError
from rmixer.scheduling.problem import Problem
from rmixer.testing.made_up import make_machine
from rmixer.workload.workload import Workload

PROBLEM = Problem(Workload("made-up", 0, tuple(jobs("a", "b", "c"))), make_machine(), ())


class Written(MadeUp):
    """Writes down what happens."""

    def __init__(self) -> None:
        self.transitions: list[Transition] = []
        super().__init__(jobs("a", "b", "c"))

    def happens(self, kind: Any, at_s: float, job: str = "", **detail: Any) -> None:
        """The same, and it is kept."""
        record = self.records.last(job)
        attempt = record.booking.attempt if record else 0
        super().happens(kind, at_s, job, **detail)
        last = self.records.last(job)
        attempt = last.booking.attempt if kind == "dispatched" and last else attempt
        self.transitions.append(Transition(kind, at_s, job, attempt, detail))


def left_by(run: Written, folder: Path) -> None:
    """The journal of ``run``, as a process leaves it that is killed."""
    made = [
        StepsMade(job, attempt.booking.attempt, list(attempt.step_ends_s))
        for job, attempts in run.records.attempts.items()
        for attempt in attempts
    ]
    with Journal(folder / NAME) as journal:
        journal.write(run.transitions, made)


def test_what_ran_counts_as_interrupted_at_the_last_word(tmp_path: Path) -> None:
    """a trains from 2 s for 100 steps of 20 ms, to 4 s; b fails at 3 s, is to be tried again; c
    never begins."""
    run = Written()
    run.starts("a", 0, 0.0)
    run.starts("b", 1, 0.0)
    end_s = run.trains("a", BEFORE_S, 100, 2 * STEP_S)
    run.happens("failed", 3.0, "b", reason="it died", cause="lost_worker", again_s=9.0, peaks={})
    left_by(run, tmp_path)
    found = so_far(tmp_path, PROBLEM)
    assert found is not None
    assert found.state == "running", "it is this process"
    every = [(job, failure) for job, failed in found.failures.items() for failure in failed]
    assert [(job, each.cause, each.reason) for job, each in every] == [
        ("b", "lost_worker", "it died")
    ]
    assert found.record is not None
    timeline, summary = found.record
    a, b, c = summary.jobs
    assert (a.state, a.steps, a.end_s) == ("interrupted", 100 + WARM, pytest.approx(end_s))
    assert a.step_ms_p50 == pytest.approx(2000 * STEP_S)
    assert (b.state, b.end_s, b.causes) == ("failed", 3.0, ("lost_worker",))
    assert (c.state, c.attempt) == ("queued", 0)
    assert summary.makespan_s == pytest.approx(end_s)
    assert [device.busy_fraction for device in summary.devices] == [None], "nobody counted"
    (train,) = timeline.select(kind="train", job="a")[-1:]
    assert train.end_s == pytest.approx(end_s)


def test_a_run_without_an_attempt_leaves_no_record(tmp_path: Path) -> None:
    left_by(Written(), tmp_path)
    found = so_far(tmp_path, PROBLEM)
    assert found is not None
    assert found.record is None
    (tmp_path / "empty").mkdir()
    with Journal(tmp_path / "empty" / NAME):
        assert so_far(tmp_path / "empty", PROBLEM) is None


def test_a_damaged_journal_is_an_error(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"nonsense" * 5000)
    with pytest.raises(InputError):
        so_far(tmp_path, PROBLEM)
