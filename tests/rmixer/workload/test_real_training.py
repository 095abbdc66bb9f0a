"""The keys of real training: what they mean, and what of them is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from rmixer.data.prepare import open_dataset
from rmixer.errors import InputError
from rmixer.models.registry import MODELS
from rmixer.models.size import model_size
from rmixer.testing.made_up import make_job, make_workload
from rmixer.workload.real_training import EarlyStop, Evaluation, LrSchedule
from rmixer.workload.shrinking import Shrinking
from rmixer.workload.workload import Job, job_of, job_with
from rmixer.workload.workload_file import read_workload


def read(folder: Path, keys: str) -> Job:
    path = folder / "w.yaml"
    path.write_text(f"jobs:\n  - {{model: criteo_dlrm, {keys}}}\n")
    return read_workload(path).jobs[0]


def refused(folder: Path, keys: str) -> InputError:
    with pytest.raises(InputError) as caught:
        read(folder, keys)
    return caught.value


def test_all_keys_are_taken_over(tmp_path: Path) -> None:
    job = read(
        tmp_path,
        "steps: 100, optimizer: adam, weight_decay: 1.0e-5, betas: [0.8, 0.99], save_every_s: 30, "
        "lr_schedule: {kind: cosine, warmup_steps: 10}, evaluate: {every_steps: 20, batches: 5}, "
        "stop: {metric: auc, patience: 3}",
    )
    assert (job.weight_decay, job.betas, job.save_every_s) == (1e-5, (0.8, 0.99), 30.0)
    assert job.lr_schedule == LrSchedule("cosine", 10)
    assert job.evaluate == Evaluation(20, 5)
    assert job.stop == EarlyStop("auc", 3)
    assert job.evaluations_between == 4


def test_what_a_job_does_not_say(tmp_path: Path) -> None:
    job = read(tmp_path, "steps: 100")
    assert job.evaluation == Evaluation(every_steps=None, batches=20)
    assert job.evaluations_between == 0
    assert job == replace(job_of("criteo_dlrm"), id="criteo_dlrm-0", steps=100)


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        (LrSchedule("constant", 4), [0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0]),
        (LrSchedule("linear", 4), [0.25, 0.5, 0.75, 1.0, 1.0, 0.75, 0.5, 0.25]),
        (LrSchedule("linear"), [1.0, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8]),
        (
            LrSchedule("cosine", 4),
            [0.25, 0.5, 0.75, 1.0, 1.0, 0.5 + 0.25 * math.sqrt(2), 0.5, 0.5 - 0.25 * math.sqrt(2)],
        ),
        (
            LrSchedule("inverse_sqrt", 4),
            [0.25, 0.5, 0.75, 1.0, *(2 / math.sqrt(n) for n in (5, 6, 7, 8))],
        ),
        (LrSchedule("inverse_sqrt"), [1 / math.sqrt(n) for n in range(1, 9)]),
    ],
)
def test_the_learning_rate_by_hand(schedule: LrSchedule, factors: list[float]) -> None:
    assert [schedule.factor(made, 8) for made in range(8)] == pytest.approx(factors)


@pytest.mark.parametrize(
    ("metric", "values", "bettered"),
    [
        ("auc", [0.5, 0.5, 0.6, math.nan, 0.55], [True, False, True, False, False]),
        ("loss", [0.5, 0.5, 0.6, math.nan, 0.4], [True, False, False, False, True]),
    ],
)
def test_what_is_better(metric: str, values: list[float], bettered: list[bool]) -> None:
    stop, best, found = EarlyStop(metric, 1), None, []
    for value in values:
        found.append(stop.betters(value, best))
        best = value if found[-1] else best
    assert found == bettered


@pytest.mark.parametrize(
    ("keys", "key", "allowed"),
    [
        ("steps: 5, epochs: 2", "epochs", "not together with 'steps'"),
        ("epochs: 0", "epochs", "a number > 0"),
        ("epochs: many", "epochs", "a number"),
        ("batch: 4", "steps", "a whole number > 0 (this key or 'epochs' is required)"),
        (
            "steps: 5, optimizer: sgd, betas: [0.9, 0.99]",
            "betas",
            "nothing: sgd has none; only adam, adamw",
        ),
        ("steps: 5, optimizer: adam, momentum: 0.9", "momentum", "nothing: adam has none; only"),
        ("steps: 5, momentum: 1.0", "momentum", "a number < 1"),
        ("steps: 5, optimizer: adam, betas: [0.9]", "betas.1", "a value"),
        ("steps: 5, weight_decay: -1", "weight_decay", "a number >= 0"),
        ("steps: 5, lr_schedule: {kind: cosin}", "lr_schedule.kind", "'constant', 'linear'"),
        ("steps: 5, lr_schedule: {warmup: 3}", "lr_schedule.warmup", "did you mean 'warmup_steps'"),
        ("steps: 5, lr_schedule: {warmup_steps: 6}", "lr_schedule.warmup_steps", "at most the "),
        ("steps: 5, evaluate: {every_steps: 0}", "evaluate.every_steps", "a whole number > 0"),
        ("steps: 5, evaluate: 3", "evaluate", ""),
        ("steps: 5, save_every_s: 0", "save_every_s", "a number > 0"),
        ("steps: 5, stop: {metric: auc, patience: 1}", "stop", "also 'evaluate' with "),
        (
            "steps: 5, evaluate: {batches: 2}, stop: {metric: auc, patience: 1}",
            "stop",
            "also 'evaluate' with 'every_steps'",
        ),
        (
            "steps: 5, evaluate: {every_steps: 2}, stop: {metric: aux, patience: 1}",
            "stop.metric",
            "did you mean 'auc'? one of auc, loss",
        ),
        (
            "steps: 5, evaluate: {every_steps: 2}, stop: {metric: auc}",
            "stop.patience",
            "a value (this key is required)",
        ),
    ],
)
def test_what_is_refused(tmp_path: Path, keys: str, key: str, allowed: str) -> None:
    error = refused(tmp_path, keys)
    assert error.key == f"jobs.0.{key}"
    assert error.allowed.startswith(allowed)


@pytest.mark.parametrize("key", ["epochs: 2", "evaluate: {batches: 3}", "weight_decay: 0.1"])
def test_a_program_has_none_of_them(tmp_path: Path, key: str) -> None:
    (tmp_path / "train.py").write_text("")
    path = tmp_path / "w.yaml"
    path.write_text(f"jobs:\n  - {{command: python train.py, steps: 5, {key}}}\n")
    with pytest.raises(InputError, match="for the program's own command line to say"):
        read_workload(path)


@pytest.mark.usefixtures("rmixer_home")
def test_epochs_are_whole_batches_of_the_data(tmp_path: Path) -> None:
    batches = open_dataset("criteo_kaggle", "synthetic").train_rows // 100
    assert read(tmp_path, "epochs: 3, batch: 100").steps == 3 * batches
    assert read(tmp_path, "epochs: 0.5, batch: 100").steps == round(0.5 * batches)
    assert read(tmp_path, "epochs: 1.0e-9, batch: 100").steps == 1
    assert refused(tmp_path, "epochs: 1, batch: 2000000000").key == "jobs.0.batch"


@pytest.mark.usefixtures("rmixer_home")
def test_how_many_samples_are_held_out(tmp_path: Path) -> None:
    arrays = open_dataset("criteo_kaggle", "synthetic")
    job = read(tmp_path, "steps: 5, evaluate: {every_steps: 2}")
    assert job.held_out == arrays.rows - arrays.train_rows
    assert read(tmp_path, "steps: 5").held_out is None


def test_what_makes_a_step_longer_is_in_its_identity() -> None:
    plain = replace(make_job(), optimizer="sgd")
    moving = replace(plain, momentum=0.9, weight_decay=1e-4)
    assert moving.identity.optimizer == "sgd+momentum+weight_decay"
    assert moving.identity.key != plain.identity.key
    assert replace(plain, momentum=0.5, weight_decay=0.1).identity == moving.identity
    assert replace(plain, momentum=0.0, weight_decay=0.0).identity == plain.identity
    assert job_with(moving.identity).identity == moving.identity
    decayed = replace(plain, optimizer="adamw", weight_decay=0.3)
    assert decayed.identity.optimizer == "adamw"
    evaluated = replace(plain, evaluate=Evaluation(5), lr_schedule=LrSchedule("linear"))
    assert evaluated.identity == plain.identity


def test_the_velocity_is_counted() -> None:
    entry = MODELS["criteo_dlrm"]
    assert model_size(entry, optimizer="sgd").optimizer_bytes == 0
    size = model_size(entry, optimizer="sgd+momentum")
    assert size.optimizer_bytes == size.weight_bytes
    assert model_size(entry, optimizer="sgd+weight_decay").optimizer_bytes == 0


def test_a_shrunk_job_is_evaluated_as_often() -> None:
    job = replace(
        make_job(steps=1000), evaluate=Evaluation(100, 5), lr_schedule=LrSchedule("linear", 50)
    )
    (small,) = Shrinking(steps_scale=0.1).apply(make_workload(job)).jobs
    assert (small.steps, small.evaluate) == (100, Evaluation(10, 5))
    assert small.lr_schedule == LrSchedule("linear", 5)
    assert small.evaluations_between == job.evaluations_between


OWN = """
from rmixer.own_model import OwnModel
import torch

def build(job):
    print("built")
    net = torch.nn.Linear(2, 1)
    data = {batches}
    return OwnModel(net, data, lambda module, batch: module(batch).mean(),
                    torch.optim.SGD(net.parameters(), lr=job.lr))
"""


@pytest.mark.usefixtures("rmixer_home")
@pytest.mark.parametrize(
    ("batches", "found"),
    [
        ("[torch.ones(4, 2)] * 7", 14),
        ("iter([torch.ones(4, 2)] * 7)", "'steps': the batches of this model have no length"),
        ("1 / 0", "'steps', or a model that can be built: ZeroDivisionError: division by zero"),
    ],
)
def test_epochs_of_an_own_model(tmp_path: Path, batches: str, found: int | str) -> None:
    (tmp_path / "counted_net.py").write_text(OWN.replace("{batches}", batches))
    path = tmp_path / "w.yaml"
    path.write_text("jobs:\n  - {model: 'counted_net:build', epochs: 2}\n")
    if isinstance(found, int):
        assert read_workload(path).jobs[0].steps == found
        return
    with pytest.raises(InputError) as caught:
        read_workload(path)
    assert caught.value.key == "jobs.0.epochs"
    assert caught.value.allowed.startswith(found)
