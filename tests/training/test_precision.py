"""bfloat16, where the CPU has it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rmixer import precision
from rmixer.errors import InputError
from rmixer.models.registry import MODELS
from rmixer.training.step import TrainingStep
from rmixer.workload import Job, job_of

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


@pytest.mark.parametrize("model", MODELS)
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
