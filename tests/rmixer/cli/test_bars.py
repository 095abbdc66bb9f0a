"""What a bar says of the time left."""

from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console

from rmixer.cli import bars
from rmixer.cli.bars import bar, time_left_s
from rmixer.cli.console import notes, report


def test_before_the_first_is_done_it_is_what_was_told() -> None:
    assert time_left_s(600.0, 0, 15, 0.0, 0.0) == 600.0
    assert time_left_s(600.0, 0, 15, 0.0, 25.0) == 575.0


def test_afterwards_it_is_by_those_that_are_done() -> None:
    """Three took 90 s, the fourth has run for 10: 20 left of it, and 11 x 30 s."""
    assert time_left_s(600.0, 3, 15, 90.0, 100.0) == pytest.approx(350.0)
    assert time_left_s(600.0, 14, 15, 420.0, 1000.0) == pytest.approx(-550.0)
    assert time_left_s(600.0, 15, 15, 450.0, 450.0) == 0.0


def test_a_terminal_shows_it_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100, no_color=True)
    monkeypatch.setattr(bars, "notes", lambda: console)
    monkeypatch.setattr(bars.sys.stderr, "isatty", lambda: True, raising=False)
    with bar("profiling", 3725.0) as move:
        move(0, 15)
    written: str = console.file.getvalue()  # type: ignore[attr-defined]
    assert "0/15" in written
    assert "1:02:05" in written


def test_past_what_was_expected_it_says_by_how_much(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100, no_color=True)
    monkeypatch.setattr(bars, "notes", lambda: console)
    monkeypatch.setattr(bars.sys.stderr, "isatty", lambda: True, raising=False)
    with bar("profiling", 1e-9) as move:
        move(0, 15)
    written: str = console.file.getvalue()  # type: ignore[attr-defined]
    assert "0:00:00 left" not in written
    assert "0:00:00 longer than expected" in written
    with bar("profiling", 1e-9) as move:
        move(15, 15)
    assert "0:00:00 left" in console.file.getvalue()  # type: ignore[attr-defined]


def test_what_is_told_is_told_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """``:x:`` is no picture and ``[red]`` no colour."""
    report("own:x: has [red] 3")
    assert capsys.readouterr().err == "own:x: has [red] 3\n"


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the one console of news writes, on a terminal."""
    written = io.StringIO()
    monkeypatch.setattr(written, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stderr", written)
    monkeypatch.setenv("TERM", "xterm")
    notes.cache_clear()
    return written


def test_a_line_that_is_told_meanwhile_stands_above_the_bar(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The bar's line is erased first (``ESC [2K``), and drawn again below."""
    written = on_terminal(monkeypatch)
    with bar("profiling", 60.0) as move:
        move(0, 2)
        written.seek(0)
        written.truncate()
        report("a line of news")
        during = written.getvalue()
    notes.cache_clear()
    before, _, after = during.partition("a line of news\n")
    assert before.endswith("\x1b[2K")
    assert "profiling" not in before
    assert "profiling" in after


@pytest.mark.parametrize("done", [0, 1, 2])
@pytest.mark.parametrize("about_s", [None, 1e-9, 60.0])
def test_it_never_says_that_the_time_left_is_unknown(
    done: int, about_s: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = on_terminal(monkeypatch)
    with bar("sweep", about_s) as move:
        move(done, 2)
    notes.cache_clear()
    assert "-:--:--" not in written.getvalue()
    assert any(words in written.getvalue() for words in (" left", " so far", " longer than"))
