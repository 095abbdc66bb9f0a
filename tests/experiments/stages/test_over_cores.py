"""Work over several processes: the answers are those of one."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from experiments.stages.over_cores import in_order

ROOT = Path(__file__).resolve().parents[3]


def slower_first(piece: int) -> tuple[int, int]:
    """Its square, and who found it; later pieces are done sooner."""
    time.sleep(0.02 if piece == 0 else 0.0)
    return piece * piece, os.getpid()


@pytest.mark.parametrize("processes", [1, 2, 5])
def test_answers_come_in_the_order_of_the_pieces(processes: int) -> None:
    found = list(in_order(slower_first, range(9), processes))
    assert [square for square, _ in found] == [piece * piece for piece in range(9)]
    here = {who == os.getpid() for _, who in found}
    assert here == {processes == 1}
    assert not multiprocessing.active_children()


def test_an_error_is_raised_here_when_its_turn_comes() -> None:
    here = os.getpid()

    def work(piece: int) -> int:
        if piece in (3, 4):
            raise ValueError(f"{piece}, {os.getpid() == here}")
        return piece

    with pytest.raises(ValueError, match=r"^3, True$"):
        list(in_order(work, range(9), 3))
    assert not multiprocessing.active_children()


def test_what_dead_processes_leave_is_done_here() -> None:
    here = os.getpid()

    def work(piece: int) -> int:
        if os.getpid() != here and piece >= 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return piece

    assert list(in_order(work, range(7), 3)) == list(range(7))


def test_who_stops_early_leaves_no_process() -> None:
    with closing(in_order(slower_first, range(50), 3)) as found:
        next(found)
        assert len(multiprocessing.active_children()) == 3
    assert not multiprocessing.active_children()


FOREVER = """
import time
from experiments.stages.over_cores import in_order

print("begun", flush=True)
list(in_order(lambda piece: time.sleep(0.1), range(10_000), 3))
"""


@pytest.mark.parametrize("way", ["Ctrl-C", "killed"])
def test_no_process_outlives_the_one_that_asked(way: str) -> None:
    asking = subprocess.Popen(
        [sys.executable, "-c", FOREVER],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    parent = psutil.Process(asking.pid)
    deadline_s = time.monotonic() + 20
    while len(forks := parent.children()) < 3 and time.monotonic() < deadline_s:
        time.sleep(0.02)
    assert len(forks) == 3
    if way == "Ctrl-C":
        os.killpg(asking.pid, signal.SIGINT)  # as a terminal does: to all of them
        _, errors = asking.communicate(timeout=20)
        assert errors.count("KeyboardInterrupt") == 1
    else:
        asking.kill()
        asking.communicate(timeout=20)
    _, alive = psutil.wait_procs(forks, timeout=5)
    assert not alive
