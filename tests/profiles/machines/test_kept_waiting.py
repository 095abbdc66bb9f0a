"""How long a process waits for cores that others have."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from profiles.machines.bubble import Bubbles
from profiles.machines.kept_waiting import MOST_WAITED, Waiting, taken_in_words, waited_s
from rmixer.training.process import WorkerProcess
from rmixer.training.process_tree import ProcessTree
from rmixer.training.worker import Channel

needs_schedstat = pytest.mark.skipif(
    not Path("/proc/self/schedstat").exists(), reason="this system does not count it"
)


def loop(channel: Channel, seconds: float, children: int = 0) -> None:
    """A worker's task: compute for so long, beside ``children`` that do."""
    program = f"import time; e = time.time() + {seconds}\nwhile time.time() < e: pass"
    others = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(children)]
    end_s = time.perf_counter() + seconds
    while time.perf_counter() < end_s:
        pass
    for other in others:
        other.wait()


@contextmanager
def core_taken(core: int) -> Iterator[None]:
    """Others compute on it: two processes, whatever else runs here."""
    program = f"import os\nos.sched_setaffinity(0, {{{core}}})\nprint(flush=True)\nwhile True: pass"
    others = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) for _ in range(2)
    ]
    try:
        for other in others:
            assert other.stdout
            other.stdout.readline()
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()
            assert other.stdout
            other.stdout.close()


def test_all_threads_are_added_up(tmp_path: Path) -> None:
    for thread, waited_ns in ((7, 1_500_000_000), (8, 250_000_000)):
        folder = tmp_path / "7" / "task" / str(thread)
        folder.mkdir(parents=True)
        (folder / "schedstat").write_text(f"999 {waited_ns} 3\n")
    assert waited_s(7, tmp_path) == pytest.approx(1.75)


def test_a_system_that_does_not_count_it_has_none(tmp_path: Path) -> None:
    (tmp_path / "7" / "task" / "7").mkdir(parents=True)
    assert waited_s(7, tmp_path) == 0.0
    (tmp_path / "7" / "task" / "7" / "schedstat").write_text("")
    assert waited_s(7, tmp_path) == 0.0


def test_a_process_that_is_gone_has_waited_for_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert waited_s(process.pid) == 0.0


@needs_schedstat
def test_a_worker_that_has_a_third_of_its_core_waits_for_two() -> None:
    core = min(os.sched_getaffinity(0))
    with WorkerProcess((core,)) as worker, core_taken(core):
        waiting = Waiting(worker)
        worker.call("tests.profiles.machines.test_kept_waiting:loop", seconds=1.0)
        assert waiting.share() > 0.3


@needs_schedstat
def test_it_does_not_wait_for_its_own() -> None:
    """Their time is the job's, as a data loader's is: what is left for others is what they did not
    use."""
    core = min(os.sched_getaffinity(0))
    with WorkerProcess((core,)) as worker:
        waiting = Waiting(worker)
        before_s = waited_s(worker.pid)
        begin_s = time.perf_counter()
        worker.call("tests.profiles.machines.test_kept_waiting:loop", seconds=1.0, children=1)
        share, waited = waiting.share(), waited_s(worker.pid) - before_s
        passed_s = time.perf_counter() - begin_s
        used = ProcessTree(worker.pid).sample() / passed_s
    assert waited / passed_s > 0.1  # it did wait
    assert share <= max(0.0, 1.05 - used)


@needs_schedstat
def test_bubbles_find_the_core_that_others_have() -> None:
    core = max(os.sched_getaffinity(0))
    with Bubbles((core,)) as bubbles, core_taken(core):
        taken = bubbles.taken()
    assert list(taken) == [core]
    assert taken[core] > 0.15


def test_what_is_taken_in_words() -> None:
    assert taken_in_words({}) == ""
    assert taken_in_words({1: 0.5, 3: MOST_WAITED + 0.01}).startswith(
        "other programs have 50% of core 1, 6% of core 3: "
    )
