"""Runs on the same cores wait for each other, or share them and know it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from rmixer.hardware import core_lock
from rmixer.hardware.core_lock import CoreLock
from rmixer.hardware.fingerprint import take_fingerprint

HOLD = """
import sys
from rmixer.hardware.core_lock import CoreLock
from rmixer.hardware.fingerprint import take_fingerprint
cores = [int(core) for core in sys.argv[1].split(",")]
with CoreLock(cores, lambda text: print(text, flush=True), share=sys.argv[2] == "share") as lock:
    lock.take()
    print("taken", flush=True)
    sys.stdin.readline()
    print("|".join(lock.shared_with), flush=True)
    sys.stdin.readline()
"""


class Other:
    """Another process with a lock."""

    def __init__(self, cores: str, how: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, cores, how],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()


@contextmanager
def other(cores: str, how: str = "alone") -> Iterator[Other]:
    """Another process that has the lock, or that waits for it."""
    found = Other(cores, how)
    try:
        yield found
    finally:
        found.process.kill()
        found.process.communicate()


@pytest.fixture(autouse=True)
def scope(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Locks that no other test sees."""
    monkeypatch.setenv(core_lock.SCOPE, request.node.name[:60])


def quietly(text: str) -> None:
    raise AssertionError(f"waited: {text}")


def test_the_second_waits_and_says_for_whom() -> None:
    with other("0,1") as first:
        assert first.line() == "taken"
        said: list[str] = []

        def stop_the_first(text: str) -> None:
            said.append(text)
            first.process.kill()  # a lock ends with its process, however that ends

        with CoreLock([1, 2], stop_the_first) as lock:
            lock.take()
            assert lock.shared_with == ()
        (line,) = said
        assert f"(process {first.process.pid})" in line
        assert "core(s) 1, 2" in line
        assert "--share-machine" in line


def test_one_that_waits_is_woken_when_the_cores_are_free() -> None:
    with CoreLock([0], quietly) as lock:
        lock.take()
        with other("0") as second:
            assert "waiting" in second.line()
            lock.release()
            assert second.line() == "taken"


def test_other_cores_are_free() -> None:
    with other("0,1") as first:
        assert first.line() == "taken"
        with CoreLock([2, 3], quietly) as lock:
            lock.take()


def test_a_lock_is_released_and_can_be_taken_again() -> None:
    for _ in range(2):
        with CoreLock([0, 1], quietly) as lock:
            lock.take()
            lock.take()


def test_who_shares_does_not_wait_and_both_know() -> None:
    with other("0,1") as first:
        assert first.line() == "taken"
        with CoreLock([1, 2], quietly, share=True) as lock:
            lock.take()
            (found,) = lock.shared_with
            assert f"(process {first.process.pid})" in found
        first.go_on()
        assert f"(process {os.getpid()})" in first.line()


def test_one_who_shares_with_nobody_knows_that_too() -> None:
    with CoreLock([0], quietly, share=True) as lock:
        lock.take()
        assert lock.shared_with == ()


def test_a_run_waits_for_one_that_shares() -> None:
    with CoreLock([0], quietly, share=True) as lock:
        lock.take()
        with other("0") as second:
            assert "waiting" in second.line()
            lock.release()
            assert second.line() == "taken"


def test_several_may_share_and_know_each_other() -> None:
    with other("0", "share") as first, other("0", "share") as second:
        assert [first.line(), second.line()] == ["taken", "taken"]
        with CoreLock([0], quietly, share=True) as lock:
            lock.take()
            assert len(lock.shared_with) == 2
        for one in (first, second):
            one.go_on()
            assert len(one.line().split("|")) == 2


@pytest.mark.parametrize(
    ("line", "right"),
    [
        (b"/x/python\0/x/bin/rmixer\0run\0a.yaml\0", "`rmixer run a.yaml` (process 1"),
        (b"python\0-m\0rmixer.cli\0machine\0", "`rmixer machine` (process 1"),
        (b"", "process 1"),
    ],
)
def test_a_command_line_is_named_as_its_user_knows_it(
    line: bytes, right: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: Callable[[object], bytes] = lambda _: line  # noqa: E731
    monkeypatch.setattr("pathlib.Path.read_bytes", found)
    assert core_lock._words(1).startswith(right)


def test_what_is_measured_within_a_lock_knows_who_shares() -> None:
    assert core_lock.sharing() == ()
    with other("0") as first:
        assert first.line() == "taken"
        with CoreLock([0], quietly, share=True) as lock:
            lock.take()
            with CoreLock([0], quietly) as inner:  # a measurement inside a run waits for nobody
                inner.take()
            assert str(first.process.pid) in str(take_fingerprint("x").shared_with)
    assert take_fingerprint("x").shared_with == ()


def test_many_that_wait_do_not_hide_who_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks makes a connection that nobody accepts: there is room for few."""
    monkeypatch.setattr(core_lock, "_BACKLOG", 2)
    monkeypatch.setattr(core_lock, "_TRIES", 2)
    with CoreLock([0], quietly) as lock:
        lock.take()
        with other("0") as first, other("0") as second:
            assert "waiting" in first.line()
            assert "waiting" in second.line()
            assert lock.shared_with == ()  # who waits does not share
            lock.release()
            assert "taken" in first.line() + second.line()
