"""The blocks of the tutorial and of the page about Python run, and show what is really printed."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from calling import call

DOCS = Path(__file__).resolve().parents[3] / "docs"
FENCED = re.compile(r"^```(\w+) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A block of a ``kind`` (``sh``, ``python``, ``yaml``, ``text``); ``mark`` is the name of a
    file, or ``minutes`` for what takes so long."""

    kind: str
    mark: str
    text: str


def blocks(page: str) -> list[Block]:
    return [Block(*found) for found in FENCED.findall((DOCS / page).read_text(encoding="utf-8"))]


def run(page: str, capsys: pytest.CaptureFixture[str], *, minutes: bool) -> int:
    """Run the blocks of ``page`` in the current folder, those that take minutes too if these are
    wished. Each line of a ``text`` block must be in what the block before has printed, in order.
    Returns how many were run."""
    ran, printed, names = 0, "", dict[str, Any]()
    for block in blocks(page):
        if block.mark == "minutes" and not minutes:
            continue
        if block.kind == "yaml":
            Path(block.mark).write_text(block.text)
        elif block.kind == "text":
            shown_in_order(block.text, printed)
        elif block.kind in ("sh", "python"):
            ran += 1
            printed = (
                by_shell(block.text, capsys) if block.kind == "sh" else by_python(block.text, names)
            )
    return ran


def by_shell(text: str, capsys: pytest.CaptureFixture[str]) -> str:
    printed = ""
    for line in text.splitlines():
        name, *arguments = shlex.split(line, comments=True)
        assert name == "rmixer"
        ended = call(capsys, *arguments)
        assert ended.code == 0 or "error: " in ended.err
        printed += ended.out + ended.err
    return printed


def by_python(text: str, names: dict[str, Any]) -> str:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(text, "tutorial", "exec"), names)
    return said.getvalue()


def shown_in_order(shown: str, printed: str) -> None:
    found = iter([" ".join(line.split()) for line in printed.splitlines()])
    for line in shown.splitlines():
        words = " ".join(line.split())
        assert any(words in each for each in found), f"{line!r} is not in\n{printed}"


def test_the_tutorial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("tutorial.md", capsys, minutes=False) >= 7


def test_the_page_about_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("how-to/python.md", capsys, minutes=False) == 1
    assert Path("runs/best/schedule.json").exists()


@pytest.mark.thorough
def test_the_tutorial_with_what_takes_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("tutorial.md", capsys, minutes=True) >= 11
    assert Path("runs/first/report.html").exists()
