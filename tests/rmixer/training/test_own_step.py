"""The step of a user's own model against the loop that the user would have written."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from rmixer.errors import RunFailed
from rmixer.own_model import OwnModel
from rmixer.training.make_step import make_step
from rmixer.training.own_build import load_build
from rmixer.training.own_step import OwnStep
from rmixer.training.step import TrainingStep
from rmixer.training.user_code import UserCodeFailed
from rmixer.user_code.own_module import own_sources, source_hash
from rmixer.workload.workload import Job, job_of

JOB = Job("job", "my_net:build", steps=9, batch=4, optimizer="adam", lr=0.05, seed=3)


class Net(nn.Module):
    """Twelve words of five numbers, summed in pairs, with dropout, into one logit."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(12, 5, sparse=True)
        self.top = nn.Sequential(nn.Dropout(0.2), nn.Linear(5, 1))

    def forward(self, ids: Tensor) -> Tensor:
        logits: Tensor = self.top(self.words(ids).sum(1))
        return logits.squeeze(1)


def samples() -> TensorDataset:
    draw = torch.Generator().manual_seed(0)
    ids = torch.randint(12, (22, 2), generator=draw)
    return TensorDataset(ids, (ids.sum(1) > 11).float())


def loss(module: nn.Module, batch: Any) -> Tensor:
    return nn.functional.binary_cross_entropy_with_logits(module(batch[0]), batch[1])


def build(job: Job) -> OwnModel:
    net = Net()
    return OwnModel(
        module=net,
        batches=DataLoader(samples(), job.batch, shuffle=True, drop_last=True),
        loss=loss,
        optimizers=[
            torch.optim.SparseAdam(net.words.parameters(), lr=job.lr),
            torch.optim.SGD(net.top.parameters(), lr=job.lr),
        ],
        held_out=DataLoader(samples(), 8),
        predict=lambda module, batch: (batch[1], module(batch[0])),
    )


def with_changes(**changes: Any) -> OwnStep:
    """The same model with other fields."""
    return OwnStep(JOB, lambda job: replace(build(job), **changes))


def test_it_is_the_users_own_loop() -> None:
    """Five batches an epoch, so that nine steps begin a second one."""
    step = OwnStep(JOB, build)
    found = []
    for _ in range(JOB.steps):
        step.run()
        found.append(step.loss())

    torch.manual_seed(JOB.seed)
    own = build(JOB)
    expected: list[float] = []
    for _ in range(2):
        for batch in own.batches:
            if len(expected) == JOB.steps:
                break
            for optimizer in own.optimizers:  # type: ignore[union-attr]
                optimizer.zero_grad()
            value = loss(own.module, batch)
            value.backward()
            for optimizer in own.optimizers:  # type: ignore[union-attr]
                optimizer.step()
            expected.append(float(value.detach()))
    assert found == expected
    for name, weights in own.module.state_dict().items():
        assert torch.equal(step.state_dict()[name], weights)


def test_phases_in_order_are_the_whole_step() -> None:
    def by_phase(step: OwnStep) -> None:
        step.load()
        step.copy()
        step.backward(step.forward())
        step.optimize()

    losses = []
    for run in (OwnStep.run, by_phase):
        step = OwnStep(JOB, build)
        for _ in range(4):
            run(step)
        losses.append(step.loss())
    assert losses[0] == losses[1]


def test_every_generator_is_seeded() -> None:
    drawn: list[tuple[float, ...]] = []

    def drawing(job: Job) -> OwnModel:
        drawn.append((float(torch.rand(1)), float(np.random.rand()), random.random()))
        return build(job)

    for seed in (3, 3, 4):
        OwnStep(replace(JOB, seed=seed), drawing)
    assert drawn[0] == drawn[1]
    assert all(one != other for one, other in zip(drawn[0], drawn[2], strict=True))


def test_evaluation_is_the_mean_over_the_first_held_out_samples() -> None:
    step = OwnStep(JOB, build)
    step.run()
    found = step.evaluate(2)  # 16 samples of 22, in batches of 8
    ids, labels = (tensor[:16] for tensor in samples().tensors)
    step.model.eval()
    with torch.no_grad():
        logits = step.model(ids)
    pairs = [(a, b) for a in logits[labels == 1] for b in logits[labels == 0]]
    ordered = sum(1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs)
    expected = nn.functional.binary_cross_entropy_with_logits(logits, labels)
    assert found["loss"] == pytest.approx(float(expected), rel=1e-6)
    assert found["auc"] == pytest.approx(ordered / len(pairs))


def test_evaluation_leaves_the_module_in_training() -> None:
    step = OwnStep(JOB, build)
    step.run()
    step.evaluate(1)
    assert step.model.training


def test_a_partial_batch_counts_by_its_samples() -> None:
    """22 samples in batches of 8, 8 and 6."""
    step = OwnStep(JOB, build)
    whole = with_changes(held_out=DataLoader(samples(), 22))
    assert step.evaluate(20)["loss"] == pytest.approx(whole.evaluate(20)["loss"], rel=1e-6)


def test_what_is_not_given_is_not_evaluated() -> None:
    assert with_changes(held_out=None, predict=None).evaluate(20) == {}
    assert set(with_changes(predict=None).evaluate(20)) == {"loss"}


def test_memory_by_use() -> None:
    """Sparse: a gradient has an index of 8 bytes and a row of 20 for each of 8 looked-up words;
    SparseAdam keeps a count and two moments of all rows."""
    step = OwnStep(JOB, build)
    with pytest.raises(RuntimeError, match="no step"):
        step.bytes_by_use()
    step.run()
    table, top = 12 * 5 * 4, (5 + 1) * 4
    sizes = step.bytes_by_use()
    assert sizes["parameter_bytes"] == table + top
    assert sizes["gradient_bytes"] == 8 * (8 + 20) + top
    assert sizes["optimizer_bytes"] == 2 * table  # its count of steps is a plain number


def test_bf16_is_for_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rmixer.training.precision.cpu_has_bf16", lambda: True)
    seen: list[torch.dtype] = []

    def watched(module: nn.Module, batch: Any) -> Tensor:
        seen.append(module(batch[0]).dtype)
        return loss(module, batch)

    for precision in ("bf16", "fp32"):
        job = replace(JOB, precision=precision)
        OwnStep(job, lambda job: replace(build(job), loss=watched)).run()
    assert seen == [torch.bfloat16, torch.float32]


def test_bf16_reads_the_weights_as_the_last_step_left_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Autocast keeps what it has cast until its block ends. With no weights every logit is 0."""
    monkeypatch.setattr("rmixer.training.precision.cpu_has_bf16", lambda: True)
    step = OwnStep(replace(JOB, precision="bf16"), build)
    step.run()
    with torch.no_grad():
        for weights in step.model.parameters():
            weights.zero_()
    step.run()
    assert step.loss() == pytest.approx(math.log(2))


class Endless:
    """Batches by name, as they come."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        ids, labels = samples().tensors
        while True:
            yield {"pair": (ids[:4], [labels[:4]])}


def test_batches_may_be_nested_and_endless() -> None:
    def nested(module: nn.Module, batch: Any) -> Tensor:
        ids, (labels,) = batch["pair"]
        return loss(module, (ids, labels))

    step = with_changes(batches=Endless(), loss=nested)
    for _ in range(5):
        step.run()
    assert step.loss() < 1.0


def test_batches_that_cannot_be_started_again() -> None:
    step = with_changes(batches=iter([samples()[:4]] * 3))
    for _ in range(3):
        step.run()
    with pytest.raises(RunFailed, match="ended after 3 and had none when started again"):
        step.run()
    with pytest.raises(RunFailed, match="has no batch"):
        with_changes(batches=[]).run()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"module": "net"}, "module of OwnModel: found str; allowed: a torch.nn.Module"),
        ({"module": nn.ReLU()}, "found ReLU; allowed: a torch.nn.Module with parameters that"),
        ({"module": nn.Linear(2, 1, device="meta")}, "some of this one's are on the meta device"),
        ({"batches": 3}, "batches of OwnModel: found int; allowed: an iterable of batches"),
        ({"loss": None}, r"loss of OwnModel: found None; allowed: a function of \(module, batch\)"),
        (
            {"optimizers": []},
            "optimizers of OwnModel: found a list of nothing; allowed: a torch op",
        ),
        ({"optimizers": ["adam", 1]}, "found a list of str, int; allowed: a torch optimizer"),
        ({"held_out": 3}, "held_out of OwnModel: found int; allowed: None or an iterable"),
        ({"held_out": None}, "held_out of OwnModel: found None; .* where predict is given"),
        ({"predict": 3}, "predict of OwnModel: found int; allowed: None or a function"),
    ],
)
def test_fields_that_are_wrong(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RunFailed, match=f"^my_net:build: .*{message}"):
        with_changes(**changes)


@pytest.mark.parametrize("returned", [None, 3, (1, 2)])
def test_a_function_that_returns_something_else(returned: Any) -> None:
    message = f"returned {type(returned).__name__}; allowed: a rmixer.own_model.OwnModel"
    with pytest.raises(RunFailed, match=message):
        OwnStep(JOB, lambda job: returned)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda m, b: 0.5, "float, not a tensor"),
        (lambda m, b: m(b[0]), r"a tensor of shape \[4\] \(.mean\(\) makes one number of it"),
        (lambda m, b: loss(m, b).detach(), "a number without a gradient"),
        (lambda m, b: None, "NoneType, not a tensor"),
    ],
)
def test_a_loss_that_is_no_loss(value: Any, message: str) -> None:
    step = with_changes(loss=value)
    with pytest.raises(RunFailed, match=f"my_net:build: loss returned {message}"):
        step.run()


@pytest.mark.parametrize(
    ("predicted", "message"),
    [
        (lambda m, b: b[1], "Tensor; allowed"),
        (lambda m, b: (1, 2), r"\(int, int\); allowed"),
        (lambda m, b: (b[1], m(b[0])[:3]), r"tensors of shape \[8\] and \[3\]"),
        (lambda m, b: (b[1] + 2, m(b[0])), "a label [23]; allowed: labels that are 0 or 1"),
    ],
)
def test_predictions_that_are_none(predicted: Any, message: str) -> None:
    with pytest.raises(RunFailed, match=f"predict returned .*{message}"):
        with_changes(predict=predicted).evaluate(1)


def test_the_schedules_threads_and_torchs_dtype_stay() -> None:
    threads = torch.get_num_threads()

    def with_threads(job: Job) -> OwnModel:
        torch.set_num_threads(threads + 1)
        return build(job)

    def with_dtype(job: Job) -> OwnModel:
        torch.set_default_dtype(torch.float64)
        return build(job)

    OwnStep(JOB, with_threads)
    assert torch.get_num_threads() == threads
    with pytest.raises(RunFailed, match=r"default dtype to torch.float64, for every later job"):
        OwnStep(JOB, with_dtype)
    assert torch.get_default_dtype() == torch.float32


def fail(*_: Any) -> Any:
    raise KeyError("no such column")


@pytest.mark.parametrize("where", ["build", "batches", "loss", "backward", "optimizer", "predict"])
def test_an_error_in_the_users_code_is_known_as_one(where: str) -> None:
    class Cut(torch.autograd.Function):
        forward = staticmethod(lambda ctx, x: x.clone())
        backward = staticmethod(fail)

    class Stuck(torch.optim.SGD):
        step = fail

    changes: dict[str, Any] = {
        "build": {},
        "batches": {"batches": map(fail, range(3))},
        "loss": {"loss": fail},
        "backward": {"loss": lambda m, b: Cut.apply(loss(m, b))},
        "optimizer": {"optimizers": Stuck(Net().parameters(), lr=1.0)},
        "predict": {"predict": fail},
    }[where]
    with pytest.raises(UserCodeFailed) as failed:  # noqa: PT012 - where, is the question
        step = OwnStep(JOB, fail) if where == "build" else with_changes(**changes)
        step.run()
        step.evaluate(1)
    assert str(failed.value) == "KeyError: 'no such column'"
    assert isinstance(failed.value.error, KeyError)


def own_job(folder: Path, name: str, text: str, function: str = "build") -> Job:
    (folder / f"{name}.py").write_text(text)
    source = source_hash(own_sources(name, folder), folder)
    return replace(JOB, model=f"{name}:{function}", module_root=str(folder), source=source)


def test_a_step_is_made_for_either_kind_of_model(tmp_path: Path) -> None:
    job = own_job(tmp_path, "kind_net", "from test_own_step import build\n")
    assert isinstance(make_step(job), OwnStep)
    assert isinstance(make_step(replace(job_of("criteo_dlrm"), rows_cap=100)), TrainingStep)


def test_a_module_that_has_changed_since_is_not_run(tmp_path: Path) -> None:
    job = own_job(tmp_path, "edited_net", "def build(job): ...")
    (tmp_path / "edited_net.py").write_text("def build(job): 1 / 0")
    with pytest.raises(RunFailed, match="has changed since the workload was read: start again"):
        load_build(job.model, job.module_root, job.source)


def test_a_module_that_is_not_the_one_that_was_found(tmp_path: Path) -> None:
    job = own_job(tmp_path, "test_own_step", "def build(job): ...")
    with pytest.raises(RunFailed, match=r"'test_own_step' was imported from .* instead of from"):
        load_build(job.model, job.module_root, job.source)


def test_a_name_that_turns_out_to_be_no_function(tmp_path: Path) -> None:
    job = own_job(tmp_path, "number_net", "build = 3")
    with pytest.raises(RunFailed, match=r"number_net.py has no function 'build'"):
        load_build(job.model, job.module_root, job.source)
