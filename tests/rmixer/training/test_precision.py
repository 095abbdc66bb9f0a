"""bfloat16, where the CPU has it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from code_paths import EVERY_MODEL

from rmixer.errors import InputError
from rmixer.training import precision
from rmixer.training.step import TrainingStep
from rmixer.workload.workload import Job, job_of

JOB = Job("job", "criteo_dlrm", 20, 32, "adam", 0.001, 0, rows_cap=1000)
BF16 = Job("job", "criteo_dlrm", 20, 32, "adam", 0.001, 0, rows_cap=1000, precision="bf16")


@pytest.mark.parametrize(
    ("flags", "has"),
    [
        ("flags\t: fpu avx512_bf16 sse\n", True),
        ("flags\t: fpu amx_bf16\nflags\t: fpu amx_bf16\n", True),
        ("Features\t: fp asimd bf16\n", True),
        ("flags\t: fpu avx2\n", False),
        ("flags\t: fpu avx512_bf16\nflags\t: fpu\n", False),
        ("", False),
    ],
)
def test_the_flags_of_every_core_decide(
    flags: str, has: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: flags)
    assert precision.cpu_has_bf16.__wrapped__() == has


def test_it_is_refused_where_the_cpu_lacks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: False)
    with pytest.raises(InputError, match="no bfloat16 arithmetic"):
        TrainingStep(BF16)
    precision.check_precision([JOB])


def test_it_learns_nearly_as_in_single_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: True)
    full, half = TrainingStep(JOB), TrainingStep(BF16)
    for _ in range(20):
        full.run()
        half.run()
    assert half.loss() != full.loss()
    assert half.evaluate(10)["loss"] == pytest.approx(full.evaluate(10)["loss"], rel=0.05)
    assert all(value.dtype is not torch.bfloat16 for value in half.state_dict().values())


def test_every_step_reads_the_weights_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Autocast keeps what it has cast until its block ends. With no weights every logit is 0."""
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: True)
    step = TrainingStep(BF16)
    step.run()
    with torch.no_grad():
        for weights in step.model.parameters():
            weights.zero_()
    step.run()
    assert step.loss() == pytest.approx(math.log(2))


def test_a_row_gets_the_whole_of_its_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of 64 samples reads the only row 26 times; one after the other in bfloat16, such
    gradients add up to something else."""
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: True)
    step = TrainingStep(replace(BF16, batch=64, optimizer="sgd", lr=1.0, rows_cap=1))
    (row,) = step.model.tables.values()
    before = row.detach().clone()
    step.load()
    step.copy()
    step.backward(step.forward())
    (gathered,) = step._rows.values()
    assert gathered.grad is not None
    expected = gathered.grad.double().flatten(0, -2).sum(0)
    step.optimize()
    moved = (before - row.detach()).squeeze(0)
    torch.testing.assert_close(moved.double(), expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("model", EVERY_MODEL)
def test_every_model_trains_in_mixed_precision(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its loss is that of single precision but for rounding, before and after a step."""
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: True)
    job = replace(job_of(model), batch=16, rows_cap=100)
    full, half = TrainingStep(job), TrainingStep(replace(job, precision="bf16"))
    for _ in range(2):
        full.run()
        half.run()
        assert half.loss() == pytest.approx(full.loss(), rel=0.05, abs=0.01)
    assert half.evaluate(1)["loss"] == pytest.approx(full.evaluate(1)["loss"], rel=0.05, abs=0.01)
    assert all(values.isfinite().all() for values in half.state_dict().values())
