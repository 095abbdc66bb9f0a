"""The file of a program that prints without end."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from profiles import program_log
from profiles.program_log import within_bounds

ENDLESS = "import sys\nn = 0\nwhile True:\n    n += 1\n    print('line', n)"


@pytest.fixture(autouse=True)
def small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program_log, "MOST_BYTES", 1 << 20)
    monkeypatch.setattr(program_log, "KEPT_BYTES", 1 << 12)
    monkeypatch.setattr(program_log, "LOOK_S", 0.01)


def test_a_program_that_prints_without_end_leaves_the_end(tmp_path: Path) -> None:
    log = tmp_path / "program.log"
    with within_bounds(log), log.open("wb") as output:
        with subprocess.Popen([sys.executable, "-c", ENDLESS], stdout=output) as program:
            most_taken = 0
            while log.stat().st_size < 64 << 20:
                most_taken = max(most_taken, log.stat().st_blocks * 512)
                time.sleep(0.01)
            program.kill()
        printed = log.stat().st_size
    assert most_taken < 48 << 20  # it looks every now and then, and a busy machine late
    first, *lines = log.read_text().splitlines()
    assert log.stat().st_size < 1 << 13
    left_out = int(first.split()[2])
    assert first == f"[the first {left_out} bytes are left out]"
    assert left_out + log.stat().st_size - len(first) - 1 == printed
    numbers = [int(line.split()[1]) for line in lines[1:-1]]  # whole ones
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert [path.name for path in tmp_path.iterdir()] == ["program.log"]


def test_one_that_prints_little_keeps_all(tmp_path: Path) -> None:
    log = tmp_path / "program.log"
    with within_bounds(log):
        log.write_text("one\n" * 1000)
    assert log.read_text() == "one\n" * 1000


def test_one_that_never_started_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), within_bounds(tmp_path / "program.log"):
        raise KeyError
    assert not list(tmp_path.iterdir())
