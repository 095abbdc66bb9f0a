"""A process that takes memory without end is ended by us, and never by the system."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from executor.workers.memory_group import NO_LIMIT_BYTES, MemoryGroup
from executor.workers.memory_guard import MemoryGuard, _Watched
from profiles.machines import limits
from rmixer.training.memory import own_resident_bytes

MIB = 1 << 20
PLACE = ("cpu:0", 0)
GREEDY = """
import sys, time
sys.stdin.readline()
held = []
while True:
    held.append(bytearray(8 << 20))
    if len(held) > {most}: time.sleep(0.05)
"""


@contextlib.contextmanager
def greedy(most: int = 10**6) -> Iterator[subprocess.Popen[str]]:
    """A process that takes memory as fast as it can from the first line that it reads; slowly from
    ``most`` pieces of 8 MiB on."""
    command = [sys.executable, "-c", GREEDY.format(most=most)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def guard() -> Iterator[MemoryGuard]:
    found = MemoryGuard()
    try:
        yield found
    finally:
        found.close()


def begin(guard: MemoryGuard, process: subprocess.Popen[str], promised_bytes: int) -> None:
    guard.add_process(process.pid)
    guard.watch(PLACE, promised_bytes, lambda: own_resident_bytes(process.pid), process.kill)
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_a_job_that_holds_more_than_half_as_much_again(tmp_path: Path) -> None:
    with greedy(most=20) as process, guard() as watching:
        begin(watching, process, promised_bytes=200 * MIB)
        assert process.wait(timeout=60) == -9
        why = watching.forget(PLACE)
        assert why is not None
        assert why.reason.startswith("it held 3")
        assert why.reason.endswith("MiB of memory, its profile says 200 MiB")
        assert 300 * MIB < why.held_bytes < 400 * MIB


def test_one_look_that_fails_is_not_the_last(capsys: pytest.CaptureFixture[str]) -> None:
    calls: list[int] = []

    def held_bytes() -> int:
        calls.append(1)
        if len(calls) <= 2:
            raise RuntimeError("no such table")
        return 500 * MIB

    ended = threading.Event()
    with guard() as watching:
        watching.watch(PLACE, 100 * MIB, held_bytes, ended.set)
        watching.add_process(os.getpid())
        assert ended.wait(timeout=60)
        assert watching.forget(PLACE) is not None
    assert capsys.readouterr().err.count("RuntimeError('no such table')") == 1


def test_a_group_that_takes_none_of_ours_is_not_relied_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cgroup.procs", "memory.high", "memory.stat"):
        (tmp_path / name).write_text("")
    (tmp_path / "cgroup.procs").unlink()
    (tmp_path / "cgroup.procs").mkdir()
    made = MemoryGroup(tmp_path, "memory.high", None)
    assert not made.add(os.getpid())
    monkeypatch.setattr(MemoryGroup, "create", lambda: made)
    with greedy(most=20) as process, guard() as watching:
        begin(watching, process, promised_bytes=100 * MIB)
        assert watching._group is None
        assert process.wait(timeout=60) == -9
    assert (tmp_path / "memory.high").read_text() == str(NO_LIMIT_BYTES)


@pytest.mark.parametrize("group", [True, False], ids=["control group", "watch alone"])
def test_memory_is_not_out_for_others(monkeypatch: pytest.MonkeyPatch, group: bool) -> None:
    """As if the machine had 600 MiB more than it keeps free: a job that takes a GB in a fraction of
    a second is ended before that is gone. The system killed nobody."""
    if not group:
        monkeypatch.setattr(MemoryGroup, "create", lambda: None)
    elif (made := MemoryGroup.create()) is None:
        pytest.skip("this process may make no control group")
    else:
        made.remove()
    killed = oom_kills()
    with greedy() as process, guard() as watching:
        floor_bytes = limits.free_memory_bytes() - 600 * MIB
        watching._floor_bytes = floor_bytes
        begin(watching, process, promised_bytes=1 << 50)
        lowest_bytes = limits.free_memory_bytes()
        while process.poll() is None:
            lowest_bytes = min(lowest_bytes, limits.free_memory_bytes())
            time.sleep(0.005)
        why = watching.forget(PLACE)
    assert process.returncode == -9
    assert why is not None
    assert "of the machine's memory was left" in why.reason
    assert oom_kills() == killed
    if group:  # 200 MiB: what the system counts late, and others take
        assert lowest_bytes > floor_bytes - 200 * MIB


def test_where_memory_is_short_a_job_of_unknown_need_ends_last() -> None:
    """Of two that hold the same: one that nobody promised anything, and one within its promise.
    Alone the first is left as it is however much it holds."""
    ended: list[str] = []
    with guard() as watching:
        watching._watched[PLACE] = _Watched(lambda: 900 * MIB, lambda: ended.append("a"), 0)
        watching._look()
        assert ended == []
        other = _Watched(lambda: 900 * MIB, lambda: ended.append("b"), 1000 * MIB)
        watching._watched["cpu:0", 1] = other
        watching._floor_bytes = 1 << 60
        watching._look()
        assert ended == ["b"]
        watching._look()
        assert ended == ["b", "a"]
        why = watching.forget(PLACE)
    assert why is not None
    assert why.reason.startswith("it held 900 MiB of memory; less than ")


def oom_kills() -> int:
    """How often the system has killed a process for memory, on the whole machine."""
    lines = Path("/proc/vmstat").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
