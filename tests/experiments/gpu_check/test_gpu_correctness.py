"""What the checks of training say of workers that answer as told; on a GPU, of real ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from experiments.gpu_check.correctness import (
    LONG,
    absent_gpu_is_told,
    bad_loss_is_named,
    farthest,
    losses_agree,
    resumed_is_identical,
    small,
)
from experiments.gpu_check.measuring import profiled, this_machine
from experiments.gpu_check.parts import NotVerified
from experiments.gpu_check.setting import Plan, Setting, queue
from experiments.gpu_check.trainers import Trained, Trainers
from profiles.machines import limits
from rmixer.data.prepare import prepare
from rmixer.errors import RunFailed
from rmixer.testing.made_up import make_machine
from rmixer.training.job_files import JobFiles
from rmixer.training.task_failure import TaskFailed
from rmixer.training.tasks import TRAIN_ON_GPU
from rmixer.workload.workload import Job


class Told:
    """Workers that say of a job, on the CPU and on the GPU in turn, what they were told."""

    def __init__(self, folder: Path, *answers: Trained, weights: Mapping[str, float] = {}) -> None:
        self._folder, self._answers = folder, list(answers)
        self._weights = weights

    def path(self, name: str) -> Path:
        return self._folder / f"{name}.pt"

    def train(self, job: Job, on_gpu: bool, *rest: Any) -> Trained:
        if job.id in self._weights:
            torch.save({"w": torch.tensor([1.0, self._weights[job.id]])}, self.path(job.id))
        return self._answers.pop(0)


def losses(first: float, loss: float) -> Trained:
    return Trained({"first_loss": first, "loss": loss})


def test_losses_are_compared_as_fractions(tmp_path: Path) -> None:
    near: Any = Told(tmp_path, losses(0.5, 2.0), losses(0.5004, 2.0019))
    assert losses_agree(near).startswith(
        "on the CPU and on the GPU: first_loss 0.500000 and 0.500400"
    )
    for other in (losses(0.5, 2.003), losses(0.501, 2.0), losses(0.5, float("nan"))):
        far: Any = Told(tmp_path, losses(0.5, 2.0), other)
        with pytest.raises(RunFailed, match=r"more than 1e-03"):
            losses_agree(far)


INTERRUPTED = Trained({"interrupted": True})
RESUMED = Trained({"interrupted": False}, [{"kind": "resumed", "steps": 7}])


@pytest.mark.parametrize(
    ("weights", "rest", "error"),
    [
        ({"whole": 2.0, "again": 2.0, "cut": 2.0}, RESUMED, None),
        ({"whole": 2.0, "again": 2.0, "cut": 2.25}, RESUMED, RunFailed(r"by up to 2\.5e-01")),
        (
            {"whole": 2.0, "again": 2.5, "cut": 2.25},
            RESUMED,
            NotVerified(r"5\.0e-01 without"),
        ),
        ({"whole": 2.0, "again": 2.0, "cut": 2.0}, Trained(), RunFailed("after 0 of")),
    ],
)
def test_a_resumed_job_is_compared_bit_by_bit(
    weights: dict[str, float], rest: Trained, error: RunFailed | None, tmp_path: Path
) -> None:
    told: Any = Told(tmp_path, Trained(), Trained(), INTERRUPTED, rest, weights=weights)
    if error is None:
        assert resumed_is_identical(told) == (
            f"stopped after 7 of {LONG} steps, all weights are the same to the last bit"
        )
        return
    with pytest.raises(type(error), match=str(error)):
        resumed_is_identical(told)


def bad(step: int) -> Trained:
    failure = TaskFailed("the loss is nan", "the loss is nan", "bad_numbers")
    return Trained({}, [{"kind": "not_finite", "step": step}], failure)


def test_a_bad_loss_has_one_step(tmp_path: Path) -> None:
    same: Any = Told(tmp_path, bad(3), bad(3))
    assert bad_loss_is_named(same) == "step 3 on both"
    for answers, said in (
        ((bad(3), bad(4)), "step 3 on the CPU, step 4"),
        ((bad(3), losses(1, 1)), "no bad"),
    ):
        other: Any = Told(tmp_path, *answers)
        with pytest.raises(RunFailed, match=said):
            bad_loss_is_named(other)


def test_weights_that_are_no_numbers_are_not_the_same(tmp_path: Path) -> None:
    one, other, third = (tmp_path / name for name in "abc")
    torch.save({"w": torch.tensor([1.0, 2.0])}, one)
    torch.save({"w": torch.tensor([1.0, float("nan")])}, other)
    torch.save({"v": torch.tensor([1.0, 2.0])}, third)
    assert farthest(one, one) == 0.0
    assert farthest(one, other) == float("inf")
    assert farthest(one, third) == float("inf")


needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")


@pytest.fixture(scope="module")
def trainers(tmp_path_factory: pytest.TempPathFactory, rmixer_home: None) -> Iterator[Trainers]:
    prepare("criteo_kaggle", "synthetic")
    folder = tmp_path_factory.mktemp("gpu")
    setting = Setting(Plan(this_machine, profiled, queue(), ()), folder, folder)
    setting.known = replace(make_machine(cores=1, gpus=1), cores=limits.usable_cores()[:1])
    with Trainers(setting) as found:
        yield found


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize(
    "part", [absent_gpu_is_told, losses_agree, bad_loss_is_named, resumed_is_identical]
)
def test_on_a_gpu(part: Any, trainers: Trainers) -> None:
    try:
        part(trainers)
    except NotVerified as reason:
        pytest.skip(str(reason))


@pytest.mark.gpu
@needs_gpu
def test_too_much_memory_is_refused_by_torch(trainers: Trainers) -> None:
    worker = trainers._worker(True)
    worker.start(
        TRAIN_ON_GPU, most_bytes=1, job=small("tight"), files=JobFiles(str(trainers.path("tight")))
    )
    while (message := worker.receive(120.0))["kind"] not in ("done", "failed"):
        pass
    assert (message["kind"], message.get("cause")) == ("failed", "out_of_memory")
