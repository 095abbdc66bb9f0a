"""The file of a program that prints without end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rmixer.training import program_log
from rmixer.training.program_log import LEFT_OUT, ProgramLog

MANY = "print('\\n'.join(f'line {number}' for number in range(200_000)))"


@pytest.fixture(autouse=True)
def small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program_log, "MOST_BYTES", 1 << 18)
    monkeypatch.setattr(program_log, "HEAD_BYTES", 1 << 12)
    monkeypatch.setattr(program_log, "NEWEST_BYTES", 1 << 14)


def printed(path: Path, program: str) -> ProgramLog:
    log = ProgramLog(path)
    with subprocess.Popen([sys.executable, "-c", program], stdout=log.end) as process:
        log.started()
    assert process.returncode == 0
    log.finish(60)
    return log


def numbers(text: bytes) -> list[int]:
    """Of the lines that are whole: the first and the last may be cut."""
    return [int(line.split()[1]) for line in text.splitlines()[1:-1]]


def test_the_beginning_and_the_end_are_kept_of_much(tmp_path: Path) -> None:
    path = tmp_path / "program.log"
    log = printed(path, MANY)
    assert path.stat().st_size <= 1 << 18
    head, newest = path.read_bytes().split(LEFT_OUT)
    assert len(head) == 1 << 12
    assert numbers(b"\n" + head) == list(range(len(numbers(b"\n" + head))))
    last = numbers(newest)
    assert last == list(range(last[0], 199_999))
    assert len(newest) >= 1 << 14
    assert log.last_lines(2) == ["line 199998", "line 199999"]
    assert [each.name for each in tmp_path.iterdir()] == ["program.log"]


def test_it_can_be_read_while_it_is_printed_and_a_second_attempt_is_appended(
    tmp_path: Path,
) -> None:
    path = tmp_path / "logs" / "program.log"
    log = ProgramLog(path)
    os.write(log.end, b"loss 0.5\n")
    end_s = time.monotonic() + 60
    while path.read_bytes() != b"loss 0.5\n":
        assert time.monotonic() < end_s
        time.sleep(0.01)
    log.started()  # nobody else has an end
    log.finish(60)
    printed(path, "print('again')")
    assert path.read_text() == "loss 0.5\n--- started again ---\nagain\n"


def test_a_disk_that_takes_nothing_stops_no_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "program.log"
    path.symlink_to("/dev/full")
    log = printed(path, "print('x' * 500_000); print('the end')")
    assert log.last_lines(1) == ["the end"]
