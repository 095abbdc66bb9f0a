"""Queues with command jobs, executed for real: beside models, retried, resumed, interrupted."""

from __future__ import annotations

import importlib.util
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import executed_workloads
import pytest
from executed_workloads import MIB, execute, profile_of, tiny
from killed_runs import Killed
from program_jobs import STEPS, command, processes_of, program

from executor.journal.opening import existing_journal
from executor.overview.run_view import RunView
from executor.supervision import running_jobs
from executor.supervision.execution import ExecutedRun
from executor.supervision.observer import Observer
from rmixer.cli.run_table import progress_line
from rmixer.data.prepare import prepare
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.workload.workload import Job

CRASHES_ONCE = """
import os, sys, time
from pathlib import Path
import rmixer
flag = Path("crashed")
for _ in range(10):
    time.sleep(0.002)
    rmixer.step()
if not flag.exists():
    flag.touch()
    time.sleep(0.3)
    os.kill(os.getpid(), 9)
"""
SAVES = """
import sys, time
from pathlib import Path
import rmixer
saved = Path("saved")
first = int(saved.read_text()) if "--resume" in sys.argv else 0
print("from", first, flush=True)
for step in range(first, 800):
    time.sleep(0.005)
    Path("aside").write_text(str(step + 1))
    Path("aside").replace(saved)
    rmixer.step()
"""
"""Keeps its number of steps, and goes on from there if it is told to."""


class Diary(Observer):
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[object, ...]] = []
        self.lines: list[str] = []

    def begins(self, view: Callable[[], RunView]) -> None:
        self._view = view

    def ticked(self) -> None:
        self.lines.append(progress_line(self._view()))

    def told(self, text: str) -> None:
        self.heard.append(("told", text))

    def retried(self, job: str, error: str, pause_s: float) -> None:
        self.heard.append(("retried", job, error))

    def progress(self, job: str, steps: int) -> None:
        self.heard.append(("progress", job, steps))


def states(run: ExecutedRun) -> dict[str, str]:
    return {job.id: job.state for job in run.summary.jobs}


@pytest.mark.parametrize("silent_s", [0.5, 60.0])
def test_one_that_makes_no_step_is_told_of_once_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent_s: float
) -> None:
    """Two do after half a second of their two, if nobody waits for them any longer."""
    monkeypatch.setattr(running_jobs, "SILENT_S", silent_s)
    monkeypatch.setattr(running_jobs, "SLOWER", 0.0)
    silent = program(tmp_path / "code", "silent", "import time\ntime.sleep(2)", steps=5)
    late = program(tmp_path / "code", "late", "import time\ntime.sleep(2)\n" + STEPS, "9", steps=9)
    diary = Diary()
    execute(tmp_path / "run", [silent, late], observer=diary)
    told = [str(each[1]) for each in diary.heard if "no step is seen yet" in str(each[1])]
    lines = set(diary.lines)
    if silent_s > 2:
        assert not told
        assert not any("no step yet" in line for line in lines)
        return
    assert sorted(each.partition(":")[0] for each in told) == ["late", "silent"]
    assert all("s: where no optimizer of torch steps let the program call rmixer.step()" in each
               for each in told)  # fmt: skip
    with existing_journal(tmp_path / "run", read=True) as journal:
        kept = [each for each in journal.transitions() if each.kind == "no_step_yet"]
    assert sorted(f"{each.job}: {each.detail['text']}" for each in kept) == sorted(told)
    assert any("2 running; no step yet: silent, late" in line for line in lines)


def test_a_model_and_a_program_in_one_queue(tmp_path: Path, rmixer_home: None) -> None:
    prepare("criteo_kaggle", "synthetic")
    jobs = [
        tiny("model"),
        program(tmp_path / "code", "good", STEPS, "300", steps=300),
        program(tmp_path / "code", "bad", "raise ValueError('no such column')", steps=5),
    ]
    diary = Diary()
    run = execute(tmp_path / "run", jobs, observer=diary)
    assert states(run) == {"model": "done", "good": "done", "bad": "failed"}
    good, bad = run.summary.job("good"), run.summary.job("bad")
    assert (good.steps, good.samples, good.attempt) == (300, 0, 1)
    assert good.step_ms_p50 is not None
    assert good.step_ms_p50 >= 2.0
    assert 1 << 20 < good.peak_bytes < 350 << 20  # as measured, not as its profile says
    rows = run.timeline.select(job="good")
    assert sum(row.steps for row in rows) == pytest.approx(300)
    assert {row.kind for row in rows} <= {"queued", "build", "warmup", "train"}
    assert bad.error == "the program ended with exit code 1: ValueError: no such column"
    assert bad.causes == ("exception",)
    kept = (tmp_path / "run" / "failures" / "bad.txt").read_text()
    assert kept.splitlines()[1] == "the end of what it printed:"
    assert kept.endswith("ValueError: no such column\n")
    assert ("progress", "good", 300) in diary.heard
    assert not processes_of(tmp_path)


def test_what_cannot_be_kept_beside_the_journal_is_told_and_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    for name in ("checkpoints", "failures"):  # files where folders are to be
        (tmp_path / "run" / name).write_text("")
    jobs = [
        program(tmp_path / "code", "bad", "raise ValueError('no such column')", steps=5),
        program(tmp_path / "code", "good", STEPS, "9", steps=9),
    ]
    diary = Diary()
    run = execute(tmp_path / "run", jobs, observer=diary)
    assert run.failure is None
    assert states(run) == {"bad": "failed", "good": "done"}
    told = [str(text) for kind, text, *_ in diary.heard if kind == "told"]
    assert sorted(told) == [
        f"bad: {tmp_path}/run/failures/bad.txt is not written: File exists",
        "good: its checkpoints are left behind: Not a directory",
    ]


def test_one_that_is_lost_is_tried_again_from_the_start(tmp_path: Path) -> None:
    diary = Diary()
    job = program(tmp_path / "code", "crashes", CRASHES_ONCE, steps=10)
    run = execute(tmp_path / "run", [job], observer=diary)
    (line,) = run.summary.jobs
    assert (line.state, line.attempt, line.causes) == ("done", 2, ("lost_worker",))
    assert line.steps == 10  # those of the first attempt count no more
    (why,) = [heard[2] for heard in diary.heard if heard[:2] == ("retried", "crashes")]
    assert why.startswith("the program was killed by SIGKILL (out of memory? it held ")


def saving(folder: Path) -> Job:
    resume = command(folder, "saves.py", "--resume")
    return program(folder, "saves", SAVES, steps=800, resume=resume)


@pytest.mark.thorough
def test_after_a_killed_supervisor_it_goes_on_by_its_own_command(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    Killed(folder, [saving(tmp_path / "code")], lambda journal: len(journal.step_ends_s()) > 0)
    run = execute(folder, [saving(tmp_path / "code")])
    (line,) = run.summary.jobs
    assert (line.state, line.attempt) == ("done", 2)
    printed = (folder / "logs" / "saves.log").read_text().splitlines()
    assert printed[0] == "from 0"
    made = int(printed[2].removeprefix("from "))
    assert 0 < made < 800
    # What the journal had not heard of when the supervisor was killed is not counted.
    assert 800 - made < line.steps <= 800
    assert run.summary.interruptions == 1


@pytest.mark.thorough
def test_ctrl_c_interrupts_it_and_the_run_goes_on_with_it(tmp_path: Path) -> None:
    class Once(Observer):
        asked_s = 0.0

        def progress(self, job: str, steps: int) -> None:
            if steps > 20 and not self.asked_s:
                self.asked_s = time.monotonic()
                signal.raise_signal(signal.SIGINT)

    watcher = Once()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run = execute(tmp_path / "run", [saving(tmp_path / "code")], observer=watcher)
    finally:
        signal.signal(signal.SIGINT, before)
    assert run.interrupted
    assert states(run) == {"saves": "interrupted"}
    assert 20 < run.summary.job("saves").steps < 800
    assert not processes_of(tmp_path)
    again = execute(tmp_path / "run", [saving(tmp_path / "code")])
    assert states(again) == {"saves": "done"}


IDLE = "import rmixer, time\nrmixer.step()\ntime.sleep(600)\n"
BUSY = """
import rmixer, time
rmixer.step()
while time.process_time() < 2.0:
    pass
rmixer.step()
"""
GREEDY = "import time\nheld = bytearray(600 << 20)\ntime.sleep(600)\n"


def test_one_that_computes_is_alive_and_one_that_does_nothing_hangs(tmp_path: Path) -> None:
    jobs = [
        program(tmp_path / "code", "idle", IDLE, steps=9, retries=0),
        program(tmp_path / "code", "busy", BUSY, steps=2),
    ]
    run = execute(tmp_path / "run", jobs, hang_after_s=1.0)
    assert states(run) == {"idle": "failed", "busy": "done"}
    assert run.summary.job("idle").causes == ("hang",)


def test_one_that_takes_too_much_memory_is_ended(tmp_path: Path) -> None:
    job = program(tmp_path / "code", "greedy", GREEDY, steps=9, retries=0)
    run = execute(tmp_path / "run", [job])
    (line,) = run.summary.jobs
    assert (line.state, line.causes) == ("failed", ("out_of_memory",))
    assert line.error is not None
    assert "its profile says" in line.error


RANK = """
import os
import torch
import torch.distributed as dist
dist.init_process_group("gloo")
layer = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(4, 1))
optimizer = torch.optim.SGD(layer.parameters(), lr=0.01)
for _ in range(7):
    layer(torch.ones(8, 4)).sum().backward()
    optimizer.step()
# In one piece: launchers run Python unbuffered, and two ranks write into one pipe.
print(f"rank {dist.get_rank()} of {dist.get_world_size()}\\n", end="", flush=True)
dist.destroy_process_group()
# As Python ends torch 2.13 aborts one of two ranks, one time in four ("terminate called without an
# active exception"): without rmixer, too.
os._exit(0)
"""
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node")


@pytest.mark.thorough
@pytest.mark.parametrize("ranks", [1, 2])
def test_a_launcher_counts_each_step_of_the_optimizer_once(
    ranks: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def large(job: Job) -> ModelProfile:  # each rank imports torch, and so does the launcher
        return profile_of(job, peak_bytes=(1 + ranks) * 350 * MIB)

    monkeypatch.setattr(executed_workloads, "profile_of", large)
    job = program(tmp_path, "ranks", RANK, steps=7)
    launched = command(tmp_path, *TORCHRUN, str(ranks), "ranks.py")
    run = execute(tmp_path / "run", [replace(job, command=launched)])
    (line,) = run.summary.jobs
    assert (line.state, line.steps, line.causes) == ("done", 7, ()), line.error
    printed = (tmp_path / "run" / "logs" / "ranks.log").read_text()
    assert sorted(each for each in printed.splitlines() if each.startswith("rank")) == [
        f"rank {rank} of {ranks}" for rank in range(ranks)
    ]


ACCELERATED = """
import torch
from accelerate import Accelerator
accelerator = Accelerator(cpu=True)
layer = torch.nn.Linear(4, 1)
layer, optimizer = accelerator.prepare(layer, torch.optim.SGD(layer.parameters(), lr=0.01))
for _ in range(7):
    accelerator.backward(layer(torch.ones(8, 4)).sum())
    optimizer.step()
"""


@pytest.mark.skipif(not importlib.util.find_spec("accelerate"), reason="needs accelerate")
def test_accelerate_launches_it_too(tmp_path: Path) -> None:
    job = program(tmp_path, "train", ACCELERATED, steps=7)
    arguments = ("-m", "accelerate.commands.launch", "--cpu", "--num_processes", "1", "train.py")
    run = execute(tmp_path / "run", [replace(job, command=command(tmp_path, *arguments))])
    assert run.summary.jobs[0].steps == 7
