"""What a bar says of the time left."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from rmixer.cli import bars
from rmixer.cli.bars import bar, time_left_s
from rmixer.cli.console import report


def test_before_the_first_is_done_it_is_what_was_told() -> None:
    assert time_left_s(600.0, 0, 15, 0.0, 0.0) == 600.0
    assert time_left_s(600.0, 0, 15, 0.0, 25.0) == 575.0


def test_afterwards_it_is_by_those_that_are_done() -> None:
    """Three took 90 s, the fourth has run for 10: 20 left of it, and 11 x 30 s."""
    assert time_left_s(600.0, 3, 15, 90.0, 100.0) == pytest.approx(350.0)
    assert time_left_s(600.0, 14, 15, 420.0, 1000.0) == 0.0
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


def test_past_what_was_expected_it_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100, no_color=True)
    monkeypatch.setattr(bars, "notes", lambda: console)
    monkeypatch.setattr(bars.sys.stderr, "isatty", lambda: True, raising=False)
    with bar("profiling", 1e-9) as move:
        move(0, 15)
    written: str = console.file.getvalue()  # type: ignore[attr-defined]
    assert "0:00:00" not in written
    assert "-:--:--" in written
    with bar("profiling", 1e-9) as move:
        move(15, 15)
    assert "0:00:00" in console.file.getvalue()  # type: ignore[attr-defined]


def test_what_is_told_is_told_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """``:x:`` is no picture and ``[red]`` no colour."""
    report("own:x: has [red] 3")
    assert capsys.readouterr().err == "own:x: has [red] 3\n"
