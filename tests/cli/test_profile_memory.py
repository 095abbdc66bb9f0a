"""``rmixer profile memory --device gpu``: no GPU is needed, and what is unknown is said."""

from __future__ import annotations

import json

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
            ["epyc-2c", "a machine with a GPU: h100-16c, modelled-gpu-16c"],
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
    monkeypatch.setattr(memory_measurement, "measure_context_bytes", lambda _: 100 << 20)
    small = ("--rows-cap", "100", "--batch", "16", "--measure")
    ended = call(capsys, "profile", "memory", "ncf", *small)
    assert ended.code == 0
    assert "ncf, batch 16, is not measured: 102 MiB, and 1000 B are free" in ended.err
    assert "more than the 3.00 MiB there are: ncf at 16 (102 MiB)" in ended.out
    (row,) = json.loads(call(capsys, "profile", "memory", "ncf", *small, "--json").out)
    assert row["usable_bytes"] == 3 << 20 < row["resident_bytes"]
    assert row["measured_resident_bytes"] is None
