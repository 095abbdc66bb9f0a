"""The example of a user's own model: checked, profiled, simulated and trained by commands."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from calling import call, refused

from experiments.stages import profiling as profiling_plan
from profiles.machines import limits
from profiles.measurements.rounds import Plan
from profiles.stored.store import Store
from rmixer.run_record.timeline import Timeline
from rmixer.testing import TrialJob, check_model
from rmixer.testing.made_up import make_machine

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "experiments" / "examples" / "own_model"
STEPS = 40


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a machine in it that has one of this one's cores and made-up rates."""
    home = tmp_path / "home"
    monkeypatch.setenv("RMIXER_HOME", str(home))
    monkeypatch.setattr(profiling_plan, "Plan", partial(Plan, least_rounds=1, seconds=0.1))
    cores = limits.usable_cores()[:1]
    monkeypatch.setattr(limits, "usable_cores", lambda: cores)
    machine = replace(
        make_machine(cores=1, memory_bytes=limits.usable_memory_bytes()),
        cores=cores,
        processor=limits.processor_name(),
        origin="measured",
    )
    Store().save_machine(machine)
    return home


@pytest.mark.thorough
@pytest.mark.usefixtures("passes")
def test_profile_simulate_execute(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workload = EXAMPLE / "workload.yaml"
    shrink = ("--set", "steps_scale=0.1", "--set", "batch_max=256")
    profiled = call(capsys, "profile", "run", "--workload", workload, "--seconds", "0.1", *shrink)
    assert profiled.code == 0, profiled.err
    (folder,) = (home / "profiles" / "made-up").glob("my_ranker-b256-*")
    assert json.loads((folder / "summary.json").read_text())["identity"]["config"] == {}
    operators = (folder / "operators.csv").read_text()
    assert "tables.0,aten::embedding" in operators
    assert "top.2,aten::linear" in operators

    simulated = call(
        capsys,
        "simulate",
        workload,
        "--policy",
        "dySequ",
        *shrink,
        "--json",
        "--out",
        tmp_path / "s",
    )
    assert simulated.code == 0, simulated.err
    assert [job["model"] for job in json.loads(simulated.out)["jobs"]] == ["my_ranker:build"] * 3

    out = tmp_path / "executed"
    executed = call(capsys, "execute", workload, "--policy", "dySequ", *shrink, "--out", out)
    assert executed.code == 0, executed.err
    jobs = json.loads((out / "summary.json").read_text())["jobs"]
    assert [job["id"] for job in jobs] == ["my_ranker-0", "my_ranker-1", "my_ranker-2"]
    assert [(job["state"], job["steps"]) for job in jobs] == [
        ("done", STEPS),
        ("done", STEPS),
        ("done", STEPS // 2),
    ]
    assert all(0 <= job["quality"]["auc"] <= 1 for job in jobs)
    assert {row.name for row in Timeline.read_csv(out / "events.csv")} == {"my_ranker:build"}
    weights = torch.load(out / "models" / "my_ranker-2.pt", weights_only=True)
    assert weights["tables.0.weight"].shape == (5_000, 32)
    assert {path.stem for path in (out / "figures").glob("*.png")} >= {"schedule", "operators"}


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("command", ["run", "show"])
def test_a_model_that_is_not_there(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    message = refused(capsys, "profile", command, "no_such_net:build")
    assert "found no module 'no_such_net'" in message
    assert "no_such_net.py on PYTHONPATH" in message


def test_the_example_passes_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EXAMPLE)
    monkeypatch.delitem(sys.modules, "my_ranker", raising=False)
    from my_ranker import build

    report = check_model(build, TrialJob(batch=64))
    assert report.parameters == (5_000 + 1_000) * 32 + 64 * 64 + 64 + 64 + 1
    assert "can be profiled and trained" in str(report)


def test_the_page_shows_the_example_as_it_is() -> None:
    page = (ROOT / "docs" / "how-to" / "own_model.md").read_text(encoding="utf-8")
    for name in ("my_ranker.py", "workload.yaml"):
        assert (EXAMPLE / name).read_text(encoding="utf-8") in page
