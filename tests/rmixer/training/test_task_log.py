"""What a task prints is in its own file: by Python, by C, by a process that it forks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from rmixer.training.task_log import cut

PROGRAM = """
import ctypes, os, sys
from rmixer.training.task_log import printing_to

print("before")
with printing_to(sys.argv[1]):
    print("by Python")
    print("an error", file=sys.stderr)
    ctypes.CDLL(None).puts(b"by C")
    if os.fork() == 0:
        os.write(1, b"by a child\\n")
        os._exit(0)
    os.wait()
    ctypes.CDLL(None).fflush(None)
print("after")
with printing_to(sys.argv[1]):
    print("printed at once")
    os.kill(os.getpid(), 9)
"""


def test_all_of_a_task_and_nothing_else(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "job.log"
    ended = subprocess.run([sys.executable, "-c", PROGRAM, log], capture_output=True, text=True)
    assert ended.stdout == "before\nafter\n"
    lines = log.read_text().splitlines()
    assert sorted(lines[:4]) == ["an error", "by C", "by Python", "by a child"]
    assert lines[4:] == ["--- started again ---", "printed at once"]


def test_a_place_that_cannot_be_written_costs_the_log_alone(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file")
    code = (
        "import sys; from rmixer.training.task_log import printing_to\n"
        "with printing_to(sys.argv[1]): print('here')"
    )
    command = [sys.executable, "-c", code, tmp_path / "logs" / "job.log"]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "here\n"


def test_what_a_full_disk_takes_not_is_dropped_and_why_is_asked_once() -> None:
    code = """
import subprocess, sys
from rmixer.training.task_log import drop_what_cannot_be_written, printing_to, take_lost
drop_what_cannot_be_written()
with printing_to("/dev/full"):
    print("lost")
    sys.__stderr__.write("lost too\\n")
    sys.stdout.buffer.write(b"y" * 100_000)
print([take_lost(), take_lost()])
with printing_to("/dev/null"):
    print("taken")
print([take_lost()])
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.stdout == "['No space left on device', None]\n[None]\n", ended.stderr


def test_a_long_log_keeps_its_beginning_and_its_end(tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    lines = [f"line {number}\n" for number in range(1000)]
    log.write_text("".join(lines))
    with log.open("a") as still_open:
        cut(str(log), most_bytes=4000, head_bytes=500)
        still_open.write("and on\n")
    text = log.read_text()
    assert len(text) <= 2100
    kept = text.splitlines(keepends=True)
    note = next(number for number, line in enumerate(kept) if line.startswith("---"))
    assert kept[:note] == lines[:note]
    assert kept[-1] == "and on\n"
    tail = kept[note + 1 : -1]
    assert tail == lines[-len(tail) :]
    gone = sum(map(len, lines)) - sum(map(len, kept[:note])) - sum(map(len, tail))
    assert kept[note] == f"--- {gone} bytes left out ---\n"


def test_a_short_log_stays_as_it_is(tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    log.write_text("short\n")
    cut(str(log))
    assert log.read_text() == "short\n"
