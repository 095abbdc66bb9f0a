"""A loss that is NaN or infinite is reported with its step and ends that job only."""

from __future__ import annotations

from pathlib import Path

import pytest
from executed_workloads import execute, this_machine, tiny

from executor.supervision.execution import ExecutedRun
from executor.supervision.observer import Observer
from rmixer.data.prepare import prepare
from rmixer.files.typed_files import write_json
from rmixer.run_record.run_summary import JobSummary, read_summary
from rmixer.scheduling.layout import even_layout
from rmixer.workload.workload_file import read_workload

NET = """
import itertools
import torch
from rmixer.own_model import OwnModel

def diverging(job, step, value, held_out=None):
    net = torch.nn.Linear(3, 1)
    batches = [torch.rand(job.batch, 3) for _ in range(4)]
    count = itertools.count(1)
    def loss(net, batch):
        found = net(batch).square().mean()
        if not net.training:
            return found * held_out
        return found * value if next(count) == step else found
    optimizer = torch.optim.SGD(net.parameters(), lr=0.0)
    evaluated = None if held_out is None else batches
    return OwnModel(net, batches, loss, optimizer, held_out=evaluated)

def at_seven(job):
    return diverging(job, 7, float("nan"))

def at_two(job):
    return diverging(job, 2, float("inf"))

def held_out(job):
    return diverging(job, 0, 1.0, held_out=float("nan"))

def good(job):
    return diverging(job, 0, 1.0, held_out=1.0)
"""
QUEUE = """
jobs:
  - {model: 'net:at_seven', id: late, steps: 20, batch: 8}
  - {model: 'net:at_two', id: early, steps: 20, batch: 8}
  - {model: 'net:at_seven', id: goes_on, steps: 20, batch: 8, on_nan: go_on}
  - {model: 'net:held_out', id: held_out, steps: 20, batch: 8}
  - {model: 'net:good', id: good, steps: 20, batch: 8}
"""


class Listener(Observer):
    """Keeps what it hears of losses."""

    def __init__(self) -> None:
        self.heard: dict[str, tuple[str, str]] = {}
        self.raised: list[str] = []

    def not_finite(self, job: str, text: str, on_nan: str) -> None:
        assert job not in self.heard, "reported once"
        self.heard[job] = text, on_nan

    def failed(self, job: str, traceback: str) -> None:
        self.raised.append(job)


@pytest.fixture(scope="module")
def listener() -> Listener:
    return Listener()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("not_finite")


@pytest.fixture(scope="module")
def run(folder: Path, listener: Listener, rmixer_home: None) -> ExecutedRun:
    prepare("criteo_kaggle", "synthetic")
    (folder / "net.py").write_text(NET)
    (folder / "queue.yaml").write_text(QUEUE)
    wild = tiny("wild", steps=20, lr=1e30, optimizer="sgd")
    jobs = [*read_workload(folder / "queue.yaml").jobs, wild]
    return execute(folder, jobs, layout=even_layout(this_machine(), 1, 1), observer=listener)


def job(run: ExecutedRun, name: str) -> JobSummary:
    return run.summary.job(name)


def test_a_job_ends_at_the_step_whose_loss_is_nan(run: ExecutedRun, folder: Path) -> None:
    late = job(run, "late")
    assert (late.state, late.steps, late.nan_step) == ("failed", 7, 7)
    assert late.error == "the loss is nan at step 7 of 20"
    assert (folder / "failures" / "late.txt").read_text() == f"{late.error}\n"
    assert not (folder / "models" / "late.pt").exists()


def test_an_infinite_loss_in_the_warm_up_is_one_too(run: ExecutedRun) -> None:
    early = job(run, "early")
    assert (early.state, early.error) == ("failed", "the loss is inf at step 2 of 20")


def test_a_model_of_the_registry_is_watched_as_well(run: ExecutedRun) -> None:
    wild = job(run, "wild")
    assert wild.state == "failed"
    assert wild.nan_step is not None
    assert wild.nan_step < 20


def test_a_job_may_go_on(run: ExecutedRun, listener: Listener, folder: Path) -> None:
    found = job(run, "goes_on")
    assert (found.state, found.steps, found.nan_step) == ("done", 20, 7)
    assert found.error == "the loss is nan at step 7 of 20"
    assert listener.heard["goes_on"] == ("the loss is nan at step 7 of 20", "go_on")
    assert (folder / "models" / "goes_on.pt").exists()


def test_a_loss_on_held_out_data_fails_the_job_after_its_weights_are_saved(
    run: ExecutedRun, folder: Path
) -> None:
    found = job(run, "held_out")
    assert (found.state, found.steps) == ("failed", 20)
    assert found.error == "the loss on held-out data is nan after step 20 of 20"
    assert found.nan_step is None, "no training step had such a loss"
    assert (folder / "models" / "held_out.pt").exists()


def test_the_others_are_trained_and_nobody_is_said_to_have_raised(
    run: ExecutedRun, listener: Listener
) -> None:
    assert run.failure is None
    good = job(run, "good")
    assert (good.state, good.steps, good.nan_step) == ("done", 20, None)
    assert good.loss is not None
    assert set(listener.heard) == {"late", "early", "goes_on", "held_out", "wild"}
    assert listener.raised == []


def test_figures_that_are_not_finite_are_null_in_the_file(run: ExecutedRun, tmp_path: Path) -> None:
    write_json(tmp_path / "summary.json", run.summary)
    assert "NaN" not in (tmp_path / "summary.json").read_text()
    assert read_summary(tmp_path / "summary.json") == run.summary
