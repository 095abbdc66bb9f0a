"""What is told of a run where there is no terminal: a line for each event, and one a minute."""

from __future__ import annotations

import io

import pytest
from made_up_records import BEFORE_S, STEP_S, MadeUp, jobs, schedule
from rich.console import Console

from executor.overview.run_view import run_view
from rmixer.cli import progress
from rmixer.cli.progress import watch
from rmixer.cli.run_table import live_page, run_page


def made_up() -> MadeUp:
    """a trains, b has failed and is tried again, c waits, d is done."""
    made = MadeUp(jobs("a", "b", "c", "d"), schedule(("a", 0), ("b", 1), ("d", 1), ("c", 1)))
    for job, slot in (("d", 1), ("a", 0), ("b", 1)):
        made.starts(job, slot, 0.0)
        if job == "d":
            made.happens("ended", 0.0, "d", state="done", answer={})
    at_s = made.trains("a", BEFORE_S, 500, STEP_S)
    made.happens("checkpointed", at_s - 2.0, "a", steps=300, took_s=0.1)
    told = {"cause": "hang", "reason": "no sign of life", "text": "", "peaks": {}}
    made.happens("failed", at_s, "b", again_s=at_s + 4.0, **told)
    return made


def test_a_line_for_each_event_and_one_a_minute(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 1000.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now_s)
    made = made_up()
    with watch("a schedule", 4) as observer:
        observer.begins(lambda: run_view(made.records, 7.0, "running"))
        observer.warming(2)
        observer.retried("b", "no sign of life", 4.0)
        for now_s in (1001.0, 1059.0, 1060.0, 1061.0, 1120.0):  # noqa: B007 - read by the clock
            observer.ticked()
        observer.added(["x", "y"])
        observer.ended("a", "done", None)
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == [
        "executing a schedule: warming 2 worker(s)",
        "  b failed: no sign of life; it is tried again in 4 s",
    ]
    for line in lines[2:4]:
        said = "  1 of 4 done, 1 running, 1 queued, 1 waiting to be tried again; ends at about "
        assert line.startswith(said)
    assert lines[4:] == ["  added x, y", "  a done (1 of 6 done)"]


def text_of(page: object) -> list[str]:
    console = Console(file=io.StringIO(), width=100)
    console.print(page)
    return [line.rstrip() for line in console.file.getvalue().splitlines() if line.strip()]  # type: ignore[attr-defined]


def test_the_page_of_a_run_that_goes_on() -> None:
    view = run_view(made_up().records, 7.0, "running").at(0.0, 1000.0)
    lines = text_of(live_page(view, "executing it"))
    assert lines[0].startswith("executing it: 1 of 4 done, 1 running, 1 queued, 1 waiting")
    assert lines[1].startswith("ends at about ")
    row = next(line.split() for line in lines if " a " in line)
    # Of 1000 steps 503 are made, 100 a second; 5 s of steps and 1 s of evaluation are left.
    assert row == [
        *("cpu:0", "0", "a", "train", "503", "/", "1000", "100", "0.5", "1.00", "MiB"),
        *("2.00", "s", "ago", "5.97", "s"),
    ]
    assert any(line.split() == ["cpu:0", "1", "free"] for line in lines)


def test_the_page_of_a_run_that_was_killed() -> None:
    view = run_view(made_up().records, 7.0, "stopped").at(0.0, 1000.0)
    lines = text_of(run_page(view, "runs/it"))
    assert "stopped: its process was killed" in lines[0]
    assert lines[1].startswith("1 of 4 done, 1 running when it stopped")
    assert "queued: c" in lines
    assert "waiting to be tried again: b" in lines
    assert "b: attempt 1 failed (hang): no sign of life" in lines
    assert lines[-1] == "this goes on with it: rmixer execute --resume runs/it"
