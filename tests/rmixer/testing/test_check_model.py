"""``check_model`` passes what works, and says in words what does not."""

from __future__ import annotations

import io
import itertools
import random
from collections.abc import Iterator
from traceback import extract_tb
from typing import Any

import numpy as np
import pytest
import torch
from checked_models import Make, build, but, loss, rows, with_module
from torch import Tensor, nn
from torch.utils.data import DataLoader

from rmixer.own_model import OwnModel
from rmixer.testing import (
    ChangingOperators,
    CheckFailed,
    MemoryGrows,
    NotRepeatable,
    NotSaved,
    NotTrained,
    TrialJob,
    WrongBatch,
    WrongLoss,
    WrongReturn,
    check_model,
)
from rmixer.workload.workload import Job


def test_a_model_that_is_as_it_should_be() -> None:
    report = check_model(build)
    assert report.warnings == ()
    assert (len(report.losses), report.parameters) == (5, 5 * 8 + 9)
    text = str(report)
    assert "checked_models:build at batch 32 can be profiled and trained" in text
    assert "49, all of them trained" in text
    assert "nothing to evaluate on" in text


def test_memory_is_what_its_parts_are() -> None:
    """Adam keeps two moments of every parameter and a count for each of four tensors. The backward
    pass needs the hidden layer [32, 8] once (after ReLU, which the last layer shares) and the
    logits; the rows are the batch's own."""
    memory = check_model(build).memory
    weights = 4 * 49
    assert memory["parameter_bytes"] == memory["gradient_bytes"] == weights
    assert memory["optimizer_bytes"] == 2 * weights + 4 * 4
    assert memory["activation_bytes"] == 4 * 32 * (8 + 1)
    assert memory["peak_bytes"] >= sum(memory.values()) - memory["peak_bytes"]


def test_held_out_batches_are_evaluated() -> None:
    report = check_model(
        but(
            held_out=lambda job, own: DataLoader(rows(), 50),
            predict=lambda job, own: lambda module, batch: (batch[1], module(batch[0])),
        )
    )
    assert set(report.quality) == {"loss", "auc"}
    assert f"auc {report.quality['auc']:.4f}" in str(report)


def test_the_job_says_what_the_caller_wants() -> None:
    seen: list[Job] = []

    def watched(job: Job) -> OwnModel:
        seen.append(job)
        return build(job)

    check_model(watched, TrialJob(batch=16, steps=2, lr=0.5, seed=9, rows_cap=10, data="clicks"))
    job = seen[0]
    assert (job.batch, job.steps, job.lr, job.seed) == (16, 2, 0.5, 9)
    assert (job.rows_cap, job.data, job.optimizer) == (10, "clicks", "adam")
    with pytest.raises(ValueError, match="steps: found 1; allowed: at least 2"):
        TrialJob(steps=1)


def test_generators_are_left_as_they_were() -> None:
    torch.manual_seed(5)
    np.random.seed(5)
    random.seed(5)
    expected = (float(torch.rand(1)), float(np.random.rand()), random.random())
    torch.manual_seed(5)
    np.random.seed(5)
    random.seed(5)
    check_model(build)
    assert (float(torch.rand(1)), float(np.random.rand()), random.random()) == expected


def leaking(job: Job, own: OwnModel) -> Any:
    kept: list[Tensor] = []
    own.module.register_forward_hook(lambda module, given, logits: kept.append(logits))
    return loss


def alternating(job: Job, own: OwnModel) -> Any:
    calls: list[int] = []

    def sometimes(module: nn.Module, batch: Any) -> Tensor:
        calls.append(1)
        value = loss(module, batch)
        return value * 2 if len(calls) % 2 else value

    return sometimes


def every_tenth(job: Job, own: OwnModel) -> Any:
    calls: list[int] = []

    def sometimes(module: nn.Module, batch: Any) -> Tensor:
        calls.append(1)
        value = loss(module, batch)
        return value.abs() if len(calls) % 10 == 0 else value

    return sometimes


def foreign(job: Job, own: OwnModel) -> Any:
    spare = nn.Parameter(torch.ones(3))
    return torch.optim.SGD([*own.module.parameters(), spare], lr=job.lr)


class Stateful(nn.Linear):
    """Keeps an object of its own in its state."""

    def get_extra_state(self) -> Any:
        return {"file": io.BytesIO()}

    def set_extra_state(self, state: Any) -> None: ...


class HalfUsed(nn.Module):
    """One of its layers does nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.idle = nn.Linear(4, 1), nn.Linear(4, 1)

    def forward(self, values: Tensor) -> Tensor:
        logits: Tensor = self.used(values) + self.idle(values).detach()
        return logits


class Grown(nn.Sequential):
    """Another size each time that it is made."""

    made = 0

    def __init__(self) -> None:
        Grown.made += 1
        super().__init__(nn.Linear(4, 8), nn.Linear(8, 1), nn.Linear(1, 1))
        self.register_buffer("count", torch.zeros(Grown.made))


def test_frozen_parameters_are_told_apart() -> None:
    def frozen(job: Job) -> OwnModel:
        own = build(job)
        next(iter(own.module.parameters())).requires_grad_(False)
        return own

    report = check_model(frozen)
    assert (report.parameters, report.trained_parameters) == (49, 49 - 4 * 8)
    assert "49, 17 of them trained" in str(report)


@pytest.mark.parametrize(
    ("make", "failure", "words"),
    [
        (lambda job: 3, WrongReturn, ["returned int", "rmixer.own_model.OwnModel"]),
        (but(loss=lambda j, o: lambda m, b: m(b[0])), WrongReturn, ["shape [32, 1]", ".mean()"]),
        (but(batches=lambda j, o: []), WrongReturn, ["has no batch"]),
        (but(optimizers=foreign), WrongReturn, ["1 tensors that are no parameters", "not saved"]),
        (
            but(batches=lambda j, o: DataLoader(rows(), 20)),
            WrongBatch,
            ["job.batch is 32", "batch 1 have 20 rows", "of job.batch samples"],
        ),
        (
            but(batches=lambda j, o: [*DataLoader(rows(64), 32), *DataLoader(rows(48), 48)]),
            WrongBatch,
            ["job.batch is 32", "batch 3 have 48 rows", "or of fewer where a pass ends"],
        ),
        (
            but(batches=lambda j, o: DataLoader(rows(256), 32)),
            WrongBatch,
            ["job.batch is 16", "batch 1 have 32 rows"],
        ),
        (but(batches=lambda j, o: ["text"]), WrongBatch, ["is a str without tensors"]),
        (
            but(loss=lambda j, o: lambda m, b: loss(m, b) * float("nan")),
            WrongLoss,
            ["step 1 is nan", "finite"],
        ),
        (
            but(optimizers=lambda j, o: torch.optim.SGD(o.module[0].parameters(), lr=j.lr)),
            NotTrained,
            ["no optimizer has 2.weight, 2.bias", "requires_grad_(False)"],
        ),
        (with_module(HalfUsed), NotTrained, ["no gradient reaches idle.weight, idle.bias"]),
        (
            but(optimizers=lambda j, o: torch.optim.SGD(o.module.parameters(), lr=0.0)),
            NotTrained,
            ["0.weight", "did not change in 5 steps", "learning rate 0"],
        ),
        (
            but(batches=lambda j, o: DataLoader(rows(), j.batch, sampler=Unseeded())),
            NotRepeatable,
            ["seed 0", "at step 1", "seeded before build"],
        ),
        (but(loss=alternating), ChangingOperators, ["aten::mul", "torch.where instead of if"]),
        (but(loss=every_tenth), ChangingOperators, ["aten::abs"]),
        (but(loss=leaking), MemoryGrows, ["leaves 128 bytes or more behind", "a list of outputs"]),
        (with_module(lambda: Stateful(4, 1)), NotSaved, ["weights_only=True", "get_extra_state"]),
        (with_module(Grown), NotSaved, ["do not fit a model that build makes anew", "count"]),
    ],
)
def test_what_is_wrong_is_explained(
    make: Make, failure: type[CheckFailed], words: list[str]
) -> None:
    with pytest.raises(failure) as failed:
        check_model(make)
    assert isinstance(failed.value, AssertionError)
    for word in words:
        assert word in str(failed.value)


class Unseeded:
    """Rows in an order that no seed decides."""

    draw = random.SystemRandom()

    def __len__(self) -> int:
        return 200

    def __iter__(self) -> Iterator[int]:
        return iter(self.draw.sample(range(200), 200))


def test_stateful_names_what_has_a_state() -> None:
    with pytest.raises(WrongReturn, match="stateful of OwnModel: found a list of int"):
        check_model(but(stateful=lambda job, own: [3]))


def test_an_error_of_the_users_own_code_is_raised_as_it_is() -> None:
    def broken(module: nn.Module, batch: Any) -> Tensor:
        raise KeyError("no such column")

    with pytest.raises(KeyError, match="no such column") as failed:
        check_model(but(loss=lambda job, own: broken))
    frames = [frame.name for frame in extract_tb(failed.value.__traceback__)]
    assert frames[1:] == ["check_model", "broken"]


def test_a_loss_that_is_lost_later_has_the_same_verdict() -> None:
    """At step 20 of a job of 5: the steps after these are looked at as well."""

    def lost(job: Job) -> OwnModel:
        steps = itertools.count(1)

        def of_step(module: nn.Module, batch: Any) -> Tensor:
            return loss(module, batch) * (float("nan") if next(steps) == 20 else 1.0)

        return but(loss=lambda j, o: of_step)(job)

    for _ in range(2):
        with pytest.raises(WrongLoss, match="the loss of step 20 is nan"):
            check_model(lost)
