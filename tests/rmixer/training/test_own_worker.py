"""A user's own model in a worker process: its data loader's processes, its errors."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import torch

from profiles.measurements.phases import measure_phases
from profiles.measurements.rounds import Plan, Rounds, measure_in_turn
from rmixer.errors import RunFailed
from rmixer.training.job_files import JobFiles
from rmixer.training.process import WorkerProcess
from rmixer.training.task_failure import TaskFailed
from rmixer.user_code.own_module import own_sources, source_hash
from rmixer.workload.workload import Job

LOADED = """
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from rmixer.own_model import OwnModel

class Rows(Dataset):
    def __init__(self, bad): self.bad, self.ballast = bad, None
    def __len__(self): return 400
    def __getitem__(self, index):
        if self.ballast is None:
            self.ballast = torch.ones(5_000_000)  # 20 MB for each process of the loader
        if index == self.bad:
            raise ValueError(f"row {index} is empty")
        return torch.tensor([float(index % 2), 1.0]), float(index % 2)

def loss(module, batch):
    return (module(batch[0]).squeeze(1) - batch[1].float()).square().mean()

def build(job):
    net = nn.Linear(2, 1)
    rows = Rows(bad=100 if job.data == "bad" else -1)
    loader = DataLoader(rows, job.batch, num_workers=2, persistent_workers=True)
    return OwnModel(net, loader, loss, torch.optim.SGD(net.parameters(), lr=job.lr))
"""
FAILING = """
import sys
import torch
from rmixer.own_model import OwnModel

class Backward(torch.autograd.Function):
    @staticmethod
    def forward(context, value, fails): context.fails = fails; return value.clone()
    @staticmethod
    def backward(context, gradient): fail_in("backward", context.fails); return gradient, None

class Optimizer(torch.optim.SGD):
    def step(self): fail_in("optimizer", self.fails); super().step()

def fail_in(phase, fails):
    if phase == fails:
        raise LookupError(f"in {phase}")

def build(job):
    fails, steps = job.data, []
    fail_in("build", fails)

    def loss(net, batch):
        steps.append(batch)
        fail_in(f"step {len(steps)}", fails)
        if fails == "exit":
            sys.exit("without a word")
        return Backward.apply(net(batch).square().mean(), fails)

    def held_out():
        fail_in("evaluation", fails)
        yield torch.rand(job.batch, 3)

    net = torch.nn.Linear(3, 1)
    optimizer = Optimizer(net.parameters(), lr=job.lr)
    optimizer.fails = fails
    return OwnModel(net, [torch.rand(job.batch, 3)], loss, optimizer, held_out())
"""


@pytest.fixture(scope="module")
def worker() -> Iterator[WorkerProcess]:
    with WorkerProcess((min(os.sched_getaffinity(0)),)) as worker:
        worker.warm_up()
        yield worker


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all of the user's modules lie: a worker takes those of a name from one folder."""
    return tmp_path_factory.mktemp("modules")


def own_job(folder: Path, name: str, text: str, **changes: Any) -> Job:
    (folder / f"{name}.py").write_text(text)
    source = source_hash(own_sources(name, folder), folder)
    job = Job("job", f"{name}:build", 60, 10, "sgd", 0.1, 0, module_root=str(folder), source=source)
    return replace(job, **changes)


def start(worker: WorkerProcess, job: Job, save_to: Path) -> None:
    worker.start("rmixer.training.train_job:train_job", job=job, files=JobFiles(str(save_to)))


def outcome(worker: WorkerProcess) -> dict[str, Any]:
    """The last message of the running task."""
    while (message := worker.receive(300))["kind"] not in ("done", "failed"):
        pass
    return message


def loaders(worker: WorkerProcess) -> list[psutil.Process]:
    """Those that still work: one that has ended may not have been asked yet how."""
    found = psutil.Process(worker.pid).children(recursive=True)
    return [process for process in found if process.status() != psutil.STATUS_ZOMBIE]


def wait_for_loaders(worker: WorkerProcess) -> list[psutil.Process]:
    end_s = time.monotonic() + 300
    while len(found := loaders(worker)) < 2 and time.monotonic() < end_s:
        time.sleep(0.01)
    return found


def test_a_data_loader_with_workers(worker: WorkerProcess, folder: Path, tmp_path: Path) -> None:
    """60 steps of 10 are one and a half epochs."""
    start(worker, own_job(folder, "loaded_net", LOADED), tmp_path / "job.pt")
    message = outcome(worker)
    assert message["kind"] == "done", message
    answer = message["answer"]
    assert answer["loss"] is None
    assert answer["quality"] == {}
    assert answer["first_loss"] < 3
    assert set(torch.load(tmp_path / "job.pt", weights_only=True)) == {"weight", "bias"}
    assert loaders(worker) == []
    text = LOADED.replace("num_workers=2, persistent_workers=True", "num_workers=0")
    alone = replace(own_job(folder, "alone_net", text), steps=4)
    start(worker, alone, tmp_path / "job.pt")
    by_itself = outcome(worker)["answer"]["peak_bytes"]
    assert answer["peak_bytes"] > by_itself + 10_000_000  # two ballasts instead of one


@pytest.mark.thorough
def test_an_error_in_a_loaders_process(worker: WorkerProcess, folder: Path, tmp_path: Path) -> None:
    start(worker, own_job(folder, "loaded_net", LOADED, data="bad"), tmp_path / "job.pt")
    message = outcome(worker)
    assert message["error"] == "ValueError: row 100 is empty"
    assert "in __getitem__" in message["traceback"]
    assert "own_step.py" not in message["traceback"]
    assert loaders(worker) == []


def test_the_worker_outlives_sys_exit_and_takes_the_next_job(
    worker: WorkerProcess, folder: Path, tmp_path: Path
) -> None:
    start(worker, own_job(folder, "exit_net", "import sys\nsys.exit(3)\nbuild = 1"), tmp_path)
    assert outcome(worker)["error"] == "SystemExit: 3"
    start(worker, own_job(folder, "loaded_net", LOADED, steps=3), tmp_path / "job.pt")
    assert outcome(worker)["kind"] == "done"


def test_what_the_users_function_returns_is_told_in_words(
    worker: WorkerProcess, folder: Path, tmp_path: Path
) -> None:
    start(worker, own_job(folder, "none_net", "def build(job): ..."), tmp_path / "job.pt")
    message = outcome(worker)
    assert message["error"].startswith("none_net:build returned NoneType; allowed: ")
    assert message["traceback"] == message["error"] + "\n"


def test_a_profile_that_fails_shows_the_users_traceback(
    worker: WorkerProcess, folder: Path
) -> None:
    job = own_job(folder, "zero_net", "def build(job):\n    return 1 / 0\n")
    with pytest.raises(RunFailed) as failed:
        measure_phases(worker, job)
    assert str(failed.value) == (
        "Traceback (most recent call last):\n"
        f'  File "{folder / "zero_net.py"}", line 2, in build\n    return 1 / 0\n'
        "           ~~^~~\nZeroDivisionError: division by zero\n"
    )
    assert failed.value.reason == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize(
    "phase", ["build", "step 1", "step 11", "backward", "optimizer", "evaluation", "exit"]
)
def test_in_whatever_phase_one_fails_the_next_question_gets_its_own_answer(
    worker: WorkerProcess, folder: Path, phase: str
) -> None:
    job = own_job(folder, "failing_net", FAILING, data=phase)
    with pytest.raises(TaskFailed) as failed:
        measure_phases(worker, job)
    said = "SystemExit: without a word" if phase == "exit" else f"LookupError: in {phase}"
    assert failed.value.reason == said
    assert worker.call("profiles.in_worker.session:idle_bytes", device="cpu") > 1 << 20


def test_a_step_that_fails_between_two_questions_fails_its_rounds_alone(
    worker: WorkerProcess, folder: Path
) -> None:
    """What is asked of the session afterwards is answered too, by an error."""
    job = own_job(folder, "failing_net", FAILING, data="step 200")
    arguments = {"job": job, "device": "cpu", "block_s": 0.001}
    worker.ask("task", task="profiles.in_worker.session:session", arguments=arguments)
    bubbles: Any = SimpleNamespace(probe=lambda: 0.001)
    rounds = Rounds(worker, bubbles, Plan(least_rounds=50, seconds=60.0))
    measure_in_turn([rounds])
    assert rounds.failure
    assert rounds.failure.reason == "LookupError: in step 200"
    rounds.another()
    assert str(rounds.failure) == "no task is running that could answer\n"
    assert worker.call("profiles.in_worker.session:idle_bytes", device="cpu") > 1 << 20


@pytest.mark.parametrize("how", ["worker", "parent"])
def test_a_loaders_processes_end_with_their_worker(folder: Path, tmp_path: Path, how: str) -> None:
    """However it ends: killed by the system, which is noticed at once, or by its parent."""
    worker = WorkerProcess((min(os.sched_getaffinity(0)),))
    try:
        start(worker, own_job(folder, "loaded_net", LOADED, steps=10**6), tmp_path / "job.pt")
        processes = wait_for_loaders(worker)
        assert len(processes) == 2
        if how == "worker":
            psutil.Process(worker.pid).kill()
            with pytest.raises(RunFailed, match="killed by SIGKILL"):
                outcome(worker)
    finally:
        worker.kill()
    gone, alive = psutil.wait_procs(processes, timeout=300)
    assert (len(gone), alive) == (2, [])
