"""The file of a program that prints without end."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from profiles.programs import program_log
from profiles.programs.program_log import within_bounds

BURST = """
print("\\n".join(f"line {number}" for number in range(200_000)))
"""
BURSTS = """
import sys
first = 0
while input() == "print":
    print("\\n".join(f"line {number}" for number in range(first, first + 100_000)), flush=True)
    first += 100_000
    print("printed", file=sys.stderr, flush=True)
"""
"""Prints over a MiB each time that it is asked to, and says when it has."""


@pytest.fixture(autouse=True)
def small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program_log, "MOST_BYTES", 1 << 20)
    monkeypatch.setattr(program_log, "KEPT_BYTES", 1 << 13)
    monkeypatch.setattr(program_log, "LOOK_S", 0.01)


def check_end(log: Path, printed: int) -> list[int]:
    """That the file says how much is left out, and goes on with whole lines; their numbers."""
    first, *lines = log.read_text().splitlines()
    left_out = int(first.split()[2])
    assert first == f"[the first {left_out} bytes are left out]"
    assert left_out + log.stat().st_size - len(first) - 1 == printed
    assert log.stat().st_size < 1 << 14
    numbers = [int(line.split()[1]) for line in lines[1:-1]]  # the others may be cut
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert [path.name for path in log.parent.iterdir()] == [log.name]
    return numbers


def wait_until_cut(log: Path) -> None:
    """It is looked at every now and then, on a busy machine late: wait until it is short."""
    end_s = time.monotonic() + 60
    while log.stat().st_blocks * 512 > 1 << 20:
        assert time.monotonic() < end_s
        time.sleep(0.01)


@pytest.mark.parametrize("mode", ["wb", "ab"])
def test_a_program_that_prints_without_end_leaves_the_end(tmp_path: Path, mode: str) -> None:
    log = tmp_path / "program.log"
    pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "bufsize": 1}
    with within_bounds(log), log.open(mode) as output:
        command = [sys.executable, "-c", BURSTS]
        with subprocess.Popen(command, stdout=output, **pipes) as program:  # type: ignore[call-overload]
            for burst in range(1, 17):
                program.stdin.write("print\n")
                assert program.stderr.readline() == "printed\n"
                assert log.stat().st_size > burst << 20
                wait_until_cut(log)
            program.kill()
        printed = log.stat().st_size
    check_end(log, printed)


def test_the_end_of_a_burst_is_kept_whether_it_was_seen_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a program that prints much, and then fails."""
    for look_s in (0.01, 60.0):
        monkeypatch.setattr(program_log, "LOOK_S", look_s)
        log = tmp_path / "program.log"
        with within_bounds(log), log.open("wb") as output:
            subprocess.run([sys.executable, "-c", BURST], stdout=output, check=True)
            if look_s < 60:
                wait_until_cut(log)
            printed = log.stat().st_size
        assert check_end(log, printed)[-1] == 199_998


def test_one_that_prints_little_keeps_all(tmp_path: Path) -> None:
    log = tmp_path / "program.log"
    with within_bounds(log):
        log.write_text("one\n" * 1000)
    assert log.read_text() == "one\n" * 1000


def test_one_that_never_started_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), within_bounds(tmp_path / "program.log"):
        raise KeyError
    assert not list(tmp_path.iterdir())
