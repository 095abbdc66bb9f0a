"""A program as a process: pinned, watched, held still, and ended with all that it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from profiles.machines import limits
from rmixer.display.quantities import size
from rmixer.training.command_process import CommandProcess, Surroundings, command_environment
from rmixer.user_code.command import Command

MIB = 1 << 20
STEPS = """
import rmixer, time
while True:
    time.sleep(0.005)
    rmixer.step()
"""
FORKS = """
import os, time
kept = bytearray(b"x") * (60 << 20)
children = []
for _ in range(2):
    child = os.fork()
    if not child:
        os.setsid()
        mine = bytearray(b"y") * (30 << 20)
        print("forked", flush=True)
        time.sleep(600)
print("forked", flush=True)
time.sleep(600)
"""
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, lambda *_: print("asked to end", flush=True))
print("ready", flush=True)
while True:
    time.sleep(0.05)
"""
ORDERLY = """
import time
print("ready", flush=True)
try:
    time.sleep(600)
except KeyboardInterrupt:
    print("all in order")
"""


def check_ended(*pids: int) -> None:
    """Each is gone after a while, or a zombie that nobody looks after."""
    end_s = time.monotonic() + 60
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                assert time.monotonic() < end_s
                time.sleep(0.02)


@pytest.fixture
def start(tmp_path: Path) -> Callable[[str], CommandProcess]:
    def started(program: str) -> CommandProcess:
        command = Command("", ("-c", program), str(tmp_path), sys.executable, "", "", "")
        cores = limits.usable_cores()[:1]
        around = Surroundings(cores, tmp_path / "steps")
        return CommandProcess(command, around, tmp_path / "logs" / "log")

    return started


def until(process: CommandProcess, reached: Callable[[], object]) -> None:
    """Wait until something is so; a program that ends before fails the test."""
    end_s = time.monotonic() + 60
    while not reached():
        assert process.wait(0.05), process.last_words()
        assert time.monotonic() < end_s


def test_it_is_pinned_has_as_many_threads_and_no_gpu(
    start: Callable[[str], CommandProcess],
) -> None:
    program = """
import os, time
names = ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES")
print(os.sched_getaffinity(0), [os.environ[name] for name in names])
"""
    with start(program) as process:
        until_ended(process)
        assert process.epitaph() == "ended with exit code 0"
        core = limits.usable_cores()[0]
        assert process.last_words().endswith(f"{{{core}}} ['1', '']")


def test_its_last_words_are_short_and_obeyed_by_no_terminal(
    start: Callable[[str], CommandProcess],
) -> None:
    with start(r"print('\x1b[31m' + 'x' * 9000)") as process:
        until_ended(process)
        assert process.last_words().split("\n")[1].startswith(r"\x1b[31mxxx")
        assert len(process.last_words().split("\n")[1]) < 600


@pytest.mark.parametrize(
    ("ours", "gpu", "theirs"), [(None, 0, "0"), (None, 1, "1"), ("3,5", 1, "5"), ("3", 1, "")]
)
def test_one_that_wants_a_gpu_sees_the_one_of_its_place(
    ours: str | None, gpu: int, theirs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if ours is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", ours)
    command = Command("", (), "", "python", "", "", "", gpus=1)
    around = Surroundings((0,), Path("steps"), shares_cores=True, gpu=gpu)
    environment = command_environment(command, around)
    assert environment["CUDA_VISIBLE_DEVICES"] == theirs
    assert environment["OMP_WAIT_POLICY"] == "PASSIVE"


def until_ended(process: CommandProcess) -> None:
    end_s = time.monotonic() + 60
    while process.wait(0.05):
        assert time.monotonic() < end_s


def test_no_step_is_made_while_it_is_held_still(start: Callable[[str], CommandProcess]) -> None:
    with start(STEPS) as process:
        until(process, process.step_ends)
        with process.paused():
            program = psutil.Process(process.pid)
            until(process, lambda: program.status() == psutil.STATUS_STOPPED)
            begin_s = time.monotonic()
            before = len(process.step_ends())
            assert process.wait(0.05)  # ten steps long
            end_s = time.monotonic()
        until(process, lambda: len(process.step_ends()) > before)
        assert not [at_s for at_s in process.step_ends() if begin_s < at_s < end_s]


def test_memory_is_that_of_all_processes_and_what_a_fork_shares_counts_once(
    start: Callable[[str], CommandProcess], tmp_path: Path
) -> None:
    """60 MiB, which two children share, and 30 MiB of each of these, beside what three bare
    interpreters hold. Counted apart it would be 240 MiB and more."""
    with start(FORKS) as process:
        until(process, lambda: (tmp_path / "logs" / "log").read_text().count("forked") == 3)
        process.tree.sample()
        assert 120 * MIB < process.tree.peak_bytes < 190 * MIB
        children = psutil.Process(process.pid).children()
        assert len(children) == 2
    check_ended(*(child.pid for child in children))  # though in sessions of their own


def test_processor_time_is_that_of_children_too(start: Callable[[str], CommandProcess]) -> None:
    program = """
import os, time
child = os.fork()
if not child:
    while time.process_time() < 0.3:
        pass
    os._exit(0)
os.wait()
print("counted", flush=True)
time.sleep(600)
"""
    with start(program) as process:
        until(process, lambda: "counted" in process.last_words())
        assert process.tree.sample() >= 0.29  # the system counts in hundredths of a second


def test_it_is_interrupted_like_a_program_in_the_foreground(
    start: Callable[[str], CommandProcess],
) -> None:
    """Even where the parent ignores Ctrl-C, as a job in the background of a shell does."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = start(ORDERLY)
        until(process, lambda: "ready" in process.last_words())
        process.stop()
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.last_words().endswith("ready\nall in order")
    assert process.epitaph() == "ended with exit code 0"


def test_what_does_not_want_to_end_is_killed(
    start: Callable[[str], CommandProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("INTERRUPT_GRACE_S", "TERMINATE_GRACE_S"):
        monkeypatch.setattr(f"rmixer.training.command_process.{name}", 0.2)
    with start(STUBBORN) as process:
        until(process, lambda: "ready" in process.last_words())
    assert process.last_words().endswith("ready\nasked to end")
    assert process.epitaph().startswith("was killed by SIGKILL (out of memory? ")
    machine = size(psutil.virtual_memory().total)
    assert process.epitaph().endswith(f"the machine has {machine})")
    assert process.has_ended


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    parent = f"""
import os, signal, time
from pathlib import Path
from rmixer.user_code.command import Command
from rmixer.training.command_process import CommandProcess, Surroundings
program = ("-c", "import time; print('ready', flush=True); time.sleep(600)")
command = Command("", program, ".", {sys.executable!r}, "", "", "")
around = Surroundings(({limits.usable_cores()[0]},), Path("steps"))
process = CommandProcess(command, around, Path("log"))
while "ready" not in process.last_words():
    time.sleep(0.02)
print(process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    root = str(Path(__file__).resolve().parents[3])
    done = subprocess.run(
        [sys.executable, "-c", parent],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    check_ended(int(done.stdout))
