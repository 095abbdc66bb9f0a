"""``rmixer profile memory --device gpu``: no GPU is needed, and what is unknown is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from calling import call, refused

from profiles.machines import limits
from profiles.memory import memory_measurement


def test_a_gpu_of_a_recorded_machine(capsys: pytest.CaptureFixture[str]) -> None:
    where = ("--device", "gpu", "--machine", "h100-16c", "--rows-cap", "1000")
    ended = call(capsys, "profile", "memory", "ncf", *where, "--json")
    assert ended.code == 0
    (row,) = json.loads(ended.out)
    assert row["gpu"]["name"] == "NVIDIA H100 80GB HBM3"
    assert row["predicted"]["workspace_bytes"] == 64 << 20
    assert row["peak_bytes"] == row["predicted"]["reserved_bytes"] + row["gpu"]["context_bytes"]
    shown = call(capsys, "profile", "memory", "ncf", *where)
    assert "as measured there" in shown.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ("--device", "gpu", "--machine", "epyc-2c"),
            ["epyc-2c", "a machine with a GPU: h100-16c"],
        ),
        (("--device", "gpu", "--machine", "h100-17c"), ["did you mean 'h100-16c'"]),
        (("--device", "gpu", "--measure"), ["--measure", "rmixer profile run"]),
        (("--machine", "h100-16c"), ["--machine", "--device gpu"]),
        (
            ("--batch", "999999999999"),
            ["batch: found 999999999999", "a quarter of this machine's memory"],
        ),
        (("--batch", "99999999999999999999"), ["--batch", "1<=x<=1000000000000"]),
        (("--batch", "999999999999", "--device", "gpu"), ["a quarter of this machine's memory"]),
    ],
)
def test_bad_input(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], told: list[str]
) -> None:
    message = refused(capsys, "profile", "memory", "ncf", *arguments)
    assert all(part in message for part in told), message


def test_what_the_memory_cannot_hold_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    gpu = ("--device", "gpu", "--machine", "h100-16c")
    shown = call(capsys, "profile", "memory", "mlperf_dlrm", "ncf", "--batch", "64", *gpu)
    assert shown.code == 0
    assert "more than the 79.2 GiB there are: mlperf_dlrm at 64 (" in shown.out


def test_what_does_not_fit_is_not_measured(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(*_: object) -> None:
        raise AssertionError("a worker was to be started")

    monkeypatch.setattr(limits, "free_memory_bytes", lambda: 1000)
    monkeypatch.setattr(limits, "usable_memory_bytes", lambda: 3 << 20)
    monkeypatch.setattr(memory_measurement, "measure_tensor_bytes", measured)
    monkeypatch.setattr(memory_measurement, "measure_context_bytes", lambda *_: 100 << 20)
    small = ("--rows-cap", "100", "--batch", "16", "--measure")
    ended = call(capsys, "profile", "memory", "ncf", *small)
    assert ended.code == 0
    assert "ncf, batch 16, is not measured: 102 MiB, and 1000 B are free" in ended.err
    assert "more than the 3.00 MiB there are: ncf at 16 (102 MiB)" in ended.out
    (row,) = json.loads(call(capsys, "profile", "memory", "ncf", *small, "--json").out)
    assert row["usable_bytes"] == 3 << 20 < row["resident_bytes"]
    assert row["measured_resident_bytes"] is None


MIXED = """
name: mixed
seed: 1
jobs:
  - {model: ncf, steps: 10, count: 3, batch: 64, rows_cap: 100}
  - {model: ncf, steps: 10, batch: 64, rows_cap: 100, optimizer: sgd}
  - {model: criteo_dlrm, steps: 10, batch: 64, rows_cap: 100, precision: bf16}
  - {command: python train.py, steps: 10}
"""


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A workload of two models in three ways, and a program."""
    (tmp_path / "train.py").touch()
    (tmp_path / "mixed.yaml").write_text(MIXED, encoding="utf-8")
    return tmp_path / "mixed.yaml"


def test_a_workload_has_optimizers_and_precisions(
    mixed: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"fp32": 100 << 20, "bf16": 200 << 20}
    monkeypatch.setattr("rmixer.training.precision.cpu_has_bf16", lambda: True)
    monkeypatch.setattr(memory_measurement, "measure_context_bytes", lambda _, kind: own[kind])
    ended = call(capsys, "profile", "memory", "--workload", str(mixed), "--json")
    adagrad, sgd, mixed_precision = json.loads(ended.out)
    assert "train.py-0 is left out" in ended.err
    assert [adagrad["optimizer"], sgd["optimizer"]] == ["adagrad", "sgd"]
    with_sums = adagrad["predicted"]
    sums_bytes = pytest.approx(with_sums["parameter_bytes"], abs=100)  # and counts of steps
    assert with_sums["optimizer_bytes"] == sums_bytes
    assert sgd["predicted"]["optimizer_bytes"] == 0
    assert mixed_precision["precision"] == "bf16"
    assert mixed_precision["context_bytes"] == own["bf16"]
    shown = call(capsys, "profile", "memory", "--workload", str(mixed))
    for part in (
        "ncf (sgd)",
        "criteo_dlrm (bf16)",
        "100 MiB (fp32), 200 MiB (bf16) for an idle worker",
    ):
        assert part in shown.out


def test_a_workload_on_a_gpu(mixed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gpu = ("--device", "gpu", "--rows-cap", "20", "--json")
    ended = call(capsys, "profile", "memory", "--workload", str(mixed), *gpu)
    assert "criteo_dlrm-0 is left out: on a GPU bf16 is not predicted" in ended.err
    assert [row["rows_cap"] for row in json.loads(ended.out)] == [20, 20]


def test_a_workload_that_cannot_be_predicted(
    tmp_path: Path, mixed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refused(capsys, "profile", "memory", "ncf", "--workload", str(mixed))
    assert "one of the two" in message
    program = "name: p\nseed: 1\njobs: [{command: python train.py, steps: 10}]\n"
    (tmp_path / "p.yaml").write_text(program, encoding="utf-8")
    message = refused(capsys, "profile", "memory", "--workload", str(tmp_path / "p.yaml"))
    assert "none that can be predicted" in message
