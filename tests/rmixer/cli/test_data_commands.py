"""``rmixer data prepare`` and ``rmixer data list`` as a shell sees them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from calling import call, refused

ROW = "\t".join(["1", *["5"] * 13, *["68fd1e64"] * 26])
ROWS = 220_000
"""Seven blocks, of which a process reads one at a time."""


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "data"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    path = tmp_path / "train.txt"
    path.write_text(f"{ROW}\n" * 20)
    return path


def test_prepare_says_what_was_found(capsys: pytest.CaptureFixture[str], raw: Path) -> None:
    ended = call(capsys, "data", "prepare", "criteo_kaggle_fields", raw)
    assert ended.code == 0
    assert "20, 18 of them for training" in ended.out
    assert "malformed  none" in ended.out
    (row,) = [line.split() for line in ended.out.splitlines() if line.startswith(" C1 values")]
    assert row[2:] == ["1", "1,460", "-1,459"]


def test_prepare_for_a_program(capsys: pytest.CaptureFixture[str], raw: Path) -> None:
    with raw.open("a") as file:
        file.write("nonsense\n")
    wanted = ("data", "prepare", "criteo_kaggle", raw, "--max-malformed", "0.1", "--json")
    answer = json.loads(call(capsys, *wanted).out)
    report = answer["preparation"]
    assert (report["lines"], report["malformed"]) == (21, 1)
    assert report["first_malformed"][0]["line"] == 21
    assert Path(answer["folder"]).is_dir()


def test_malformed_lines_stop_it(capsys: pytest.CaptureFixture[str], raw: Path) -> None:
    with raw.open("a") as file:
        file.write("nonsense\n")
    message = refused(capsys, "data", "prepare", "criteo_kaggle", raw)
    assert f"{raw}: line 21: found 1 fields instead of 40 (1 of 21 lines malformed" in message
    assert "--max-malformed" in message
    message = refused(capsys, "data", "prepare", "criteo_kaggle", raw, "--strict")
    assert "line 21" in message
    assert "--strict" in message


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (("criteo_kagle", "synthetic"), "did you mean 'criteo_kaggle'?"),
        (("criteo_kaggle", "nowhere"), "no such file"),
        (("avazu", "."), "no file train.csv"),
        (
            ("criteo_kaggle", "synthetic", "--strict", "--max-malformed", "0.1"),
            "together with --strict",
        ),
    ],
)
def test_wrong_input(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], found: str
) -> None:
    assert found in refused(capsys, "data", "prepare", *arguments)


def test_nan_is_no_limit(capsys: pytest.CaptureFixture[str], raw: Path) -> None:
    ended = call(capsys, "data", "prepare", "criteo_kaggle", raw, "--max-malformed", "nan")
    assert ended.code == 2
    assert "--max-malformed': nan is not a finite number" in ended.err


def test_list_shows_what_is_there(capsys: pytest.CaptureFixture[str], raw: Path) -> None:
    assert "Prepared data" not in call(capsys, "data", "list").out
    call(capsys, "data", "prepare", "criteo_kaggle", raw)
    listed = json.loads(call(capsys, "data", "list", "--json").out)
    (prepared,) = listed["prepared"]
    assert prepared["state"] == "finished"
    assert prepared["preparation"]["rows"] == 20
    assert prepared["size_bytes"] > 20 * (26 * 4 + 13 * 4 + 1)
    assert {"avazu", "criteo_terabyte"} <= {entry["name"] for entry in listed["data_sets"]}
    table = call(capsys, "data", "list").out
    assert "Prepared data" in table
    assert "day_0 to day_23" in table


def test_interrupted_it_can_be_called_again(
    capsys: pytest.CaptureFixture[str], raw: Path, home: Path
) -> None:
    """A real Ctrl-C while several processes read a file of many blocks."""
    raw.write_text(f"{ROW}\n" * ROWS)
    command = [sys.executable, "-m", "rmixer.cli", "data", "prepare", "criteo_kaggle", str(raw)]
    running = subprocess.Popen([*command, "--workers", "2"], stderr=subprocess.PIPE, text=True)
    while not list(home.glob(".*/blocks/0-*")):
        assert running.poll() is None
        time.sleep(0.01)
    os.kill(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=300)
    assert running.returncode == 130
    assert "what was read is kept: the same command goes on with it" in said
    assert "Traceback" not in said
    (found,) = json.loads(call(capsys, "data", "list", "--json").out)["prepared"]
    assert found["state"] == "unfinished"
    wanted = ("data", "prepare", "criteo_kaggle", raw, "--workers", "2", "--json")
    report = json.loads(call(capsys, *wanted).out)["preparation"]
    assert report["resumed"]
    assert report["rows"] == ROWS
