"""``--set``: one option that shrinks the workload and supposes another machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from calling import call, refused

from rmixer.cli.settings import parse_settings
from rmixer.errors import InputError
from rmixer.hardware.what_if import WhatIf
from rmixer.workload.shrinking import Shrinking

H100 = ("--machine", "h100-16c", "--policy", "dySequ", "--level", "job", "--json")


@pytest.fixture
def workload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two jobs of a model that is profiled on ``h100-16c`` and on ``epyc-2c``."""
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path / "home"))
    path = tmp_path / "queue.yaml"
    path.write_text("jobs:\n  - {model: criteo_dlrm, steps: 300, count: 2}\n")
    return path


def test_both_kinds_in_one_option() -> None:
    found = parse_settings(["steps_scale=0.5", "machine.gpus=4", "batch_max=64"])
    assert found.shrinking == Shrinking(steps_scale=0.5, batch_max=64)
    assert found.what_if == WhatIf(gpus=4)
    assert found.recorded == {"what_if": {"machine.gpus": 4}}
    assert parse_settings(["steps_scale=0.5"]).recorded == {}


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["machine.gpus"], "found 'machine.gpus'; allowed: key=value"),
        (["stepscale=0.1"], "did you mean 'steps_scale'"),
        (["gpus=4"], "did you mean 'machine.gpus'"),
        (["machine.core=4"], "did you mean 'machine.cores'"),
        (["machine.name=a"], "one of batch_max, machine.cores, machine.gpu.memory_gib"),
        (["batch_max=1", "batch_max=2"], "batch_max: found twice; allowed: once"),
        (["machine.gpus=1", "machine.gpus=1"], "machine.gpus: found twice; allowed: once"),
    ],
)
def test_what_cannot_be_meant_is_refused(texts: list[str], message: str) -> None:
    with pytest.raises(InputError) as error:
        parse_settings(texts)
    assert message in str(error.value)


@pytest.mark.parametrize(
    "command",
    [
        ("run", "{workload}"),
        ("execute", "{workload}", "--policy", "dySequ"),
        ("profile", "run", "--workload", "{workload}"),
    ],
)
def test_the_machine_that_trains_is_what_it_is(
    command: tuple[str, ...], workload: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word.format(workload=workload) for word in command]
    told = refused(capsys, *words, "--set", "machine.gpus=4")
    assert "--set: machine.gpus: found 4; allowed: only for `simulate` and `sweep`" in told
    assert not (workload.parent / "home").exists()


def test_what_was_supposed_is_said_and_kept(
    workload: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = workload.parent / "run"
    asked = ("--set", "machine.gpus=2", "--set", "machine.cores=32", "--set", "steps_scale=0.5")
    ended = call(capsys, "simulate", workload, *H100, *asked, "--out", out)
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["machine"] == "h100-16c+gpus=2+cores=32"
    said = [line for line in ended.err.splitlines() if line.startswith("what if: ")]
    assert [line.split()[2:5] for line in said[1:3]] == [
        ["2", "GPUs:", "each"],
        ["32", "cores:", "figures"],
    ]
    assert "core_capacity 1.07 a core" in said[2]  # 15.9004 - 14.8331, beyond 16 cores
    config = yaml.safe_load((out / "config.yaml").read_text())
    assert config["settings"]["what_if"] == {"machine.gpus": 2, "machine.cores": 32}
    assert len(config["machine"]["gpus"]) == 2
    assert [job["steps"] for job in config["workload"]["jobs"]] == [150, 150]
    assert json.loads((out / "schedule.json").read_text())["machine"] == "h100-16c+gpus=2+cores=32"


def test_a_gpu_as_fast_as_it_is_changes_no_event_and_mixes_with_no_real_run(
    workload: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = workload.parent / "run"
    real = call(capsys, "simulate", workload, *H100, "--out", out)
    events = (out / "events.csv").read_bytes()
    same = call(capsys, "simulate", workload, *H100, "--set", "machine.gpu.speed=1", "--out", out)
    assert (real.code, same.code) == (0, 0)
    assert "moved the earlier run" in same.err
    assert (out / "events.csv").read_bytes() == events
    summaries = [json.loads(ended.out) for ended in (real, same)]
    assert summaries[1] == {**summaries[0], "machine": "h100-16c+gpu.speed=1"}


def test_a_sweep_supposes_it_too(workload: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two like jobs that do not slow each other down, on two GPUs instead of one."""
    workload.write_text(workload.read_text().replace("criteo_dlrm", "avazu_widedeep"))
    out = workload.parent / "swept"
    asked = ("--policies", "dySequ", "--gpu-slots", "1", "--cpu-slots", "0")
    rows = {}
    for gpus in (1, 2):
        ended = call(
            capsys, "sweep", workload, "--machine", "h100-16c", *asked, "--json", "--out", out,
            "--set", f"machine.gpus={gpus}",
        )  # fmt: skip
        assert ended.code == 0, ended.err
        rows[gpus] = min(row["makespan_s"] for row in json.loads(ended.out))
    assert rows[2] == pytest.approx(rows[1] / 2, rel=0.01)
    config = yaml.safe_load((out / "config.yaml").read_text())
    assert config["settings"]["what_if"] == {"machine.gpus": 2}


def test_a_machine_without_a_gpu_cannot_get_one(
    workload: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = workload.parent / "run"
    asked = ("simulate", workload, "--machine", "epyc-2c", "--policy", "dySequ", "--out", out)
    for setting in ("machine.gpus=1", "machine.gpu.speed=2"):
        assert "epyc-2c" in refused(capsys, *asked, "--set", setting)
    assert not out.exists()
