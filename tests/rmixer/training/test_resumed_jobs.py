"""A job that stops and goes on in a fresh process ends with the weights of one that never stopped,
bit by bit."""

from __future__ import annotations

import dataclasses
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from code_paths import EVERY_MODEL

from rmixer.data.prepare import prepare
from rmixer.models.registry import MODELS
from rmixer.training.checkpoint import load_checkpoint, save_checkpoint
from rmixer.training.job_checkpoints import Checkpointing
from rmixer.training.job_files import JobFiles
from rmixer.training.precision import cpu_has_bf16
from rmixer.training.process import Message, WorkerProcess
from rmixer.training.row_optimizers import OPTIMIZER_KINDS
from rmixer.training.step import TrainingStep
from rmixer.training.tasks import TRAIN_JOB
from rmixer.workload.workload import Job, job_of

STEPS = 9
CORE = (min(os.sched_getaffinity(0)),)


@pytest.fixture(scope="module")
def fresh(rmixer_home: None) -> Iterator[WorkerProcess]:
    """A process that has made no step of a job which goes on in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        process = WorkerProcess(CORE)
    with process:
        yield process


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """As many as the fresh process has."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def tiny(model: str, **changes: Any) -> Job:
    prepare(MODELS[model].dataset, "synthetic")
    small = {"rows_cap": 500, "batch": 8, "steps": STEPS, "seed": 5}
    return dataclasses.replace(job_of(model), **{**small, **changes})


def train(job: Job, path: Path, stop_after: int) -> TrainingStep:
    """All steps of a job, with a checkpoint in between."""
    step = TrainingStep(job)
    for number in range(job.steps):
        if number == stop_after:
            save_checkpoint(path, number, step.training_state())
        step.run()
    return step


def check_same(whole: TrainingStep, weights: dict[str, torch.Tensor]) -> None:
    expected = whole.state_dict()
    assert expected.keys() == weights.keys()
    for name, values in expected.items():
        assert torch.equal(values, weights[name]), name


def somewhere(name: str) -> int:
    """A step in the middle, another one for each ``name``."""
    return random.Random(name).randint(2, STEPS - 1)


@pytest.mark.parametrize("model", EVERY_MODEL)
def test_every_model_in_a_fresh_process(fresh: WorkerProcess, model: str, tmp_path: Path) -> None:
    job, path, weights = tiny(model), tmp_path / "job.ckpt", tmp_path / "weights"
    whole = train(job, path, somewhere(model))
    places = {"path": str(path), "save_to": str(weights)}
    assert fresh.call("worker_tasks:go_on", job=job, **places) == whole.loss()
    check_same(whole, torch.load(weights, weights_only=True))


def check_here(job: Job, path: Path, stop_after: int) -> None:
    """The same in this process."""
    whole = train(job, path, stop_after)
    resumed, found = TrainingStep(job), load_checkpoint(path)
    assert found.state is not None
    resumed.load_training_state(found.state)
    for _ in range(stop_after, job.steps):
        resumed.run()
    assert resumed.loss() == whole.loss()
    check_same(whole, resumed.state_dict())


@pytest.mark.parametrize("model", ["criteo_deepfm", "rm1"])
@pytest.mark.parametrize("optimizer", OPTIMIZER_KINDS)
def test_every_optimizer(rmixer_home: None, optimizer: str, model: str, tmp_path: Path) -> None:
    """``rm1`` has bags."""
    job = tiny(model, optimizer=optimizer, lr=0.01)
    check_here(job, tmp_path / "job.ckpt", somewhere(optimizer))


@pytest.mark.skipif(not cpu_has_bf16(), reason="this CPU has no bfloat16 arithmetic")
def test_bf16(rmixer_home: None, tmp_path: Path) -> None:
    check_here(tiny("beauty_bert4rec", precision="bf16"), tmp_path / "job.ckpt", 6)


def test_the_models_tried_have_what_could_be_lost() -> None:
    chosen = [model for model in EVERY_MODEL if isinstance(model, str)]
    assert any(MODELS[model].clip_norm is not None for model in chosen)
    dropping = tiny("criteo_dcn2").entry.build(10)
    assert any(type(module).__name__ == "Dropout" for module in dropping.modules())
    summed = tiny("rm1").entry.build(10)
    assert any(summed.bags_of(name) for name in summed.tables)


def told(worker: WorkerProcess, arguments: dict[str, Any]) -> Iterator[Message]:
    """All messages of a job."""
    worker.start(TRAIN_JOB, **arguments)
    while (message := worker.receive(300))["kind"] not in ("done", "failed"):
        yield message
    yield message


def test_a_process_that_is_killed(fresh: WorkerProcess, tmp_path: Path) -> None:
    """At whatever moment the signal comes, in a step or in a checkpoint."""
    job = tiny("criteo_deepfm", steps=60)
    settings = Checkpointing(str(tmp_path / "job.ckpt"), every_s=0)
    arguments = {"job": job, "files": JobFiles(str(tmp_path / "weights"), settings)}
    with WorkerProcess(CORE) as killed:
        messages = told(killed, arguments)
        while next(messages).get("steps", 0) < 10:
            pass
        killed.kill()
    assert not (tmp_path / "weights").exists()
    messages = told(fresh, arguments)
    resumed = next(message for message in messages if message["kind"] == "resumed")
    assert resumed["steps"] >= 10
    assert list(messages)[-1]["answer"]["interrupted"] is False
    whole = train(job, tmp_path / "other.ckpt", 1)
    check_same(whole, torch.load(tmp_path / "weights", weights_only=True))
