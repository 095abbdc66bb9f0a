"""``rmixer profile memory --device gpu``: no GPU is needed, and what is unknown is said."""

from __future__ import annotations

import json

import pytest
from calling import call, refused


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
        (("--batch", "999999999999", "--device", "gpu"), ["a quarter of this machine's memory"]),
    ],
)
def test_bad_input(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], told: list[str]
) -> None:
    message = refused(capsys, "profile", "memory", "ncf", *arguments)
    assert all(part in message for part in told), message
