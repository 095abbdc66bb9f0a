"""`rmixer run` on a tiny workload, for real: profile, sweep, execute, compare, draw."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from calling import call

from experiments.stages import profiling as profiling_plan
from profiles.machines import limits
from profiles.measurements.rounds import Plan
from profiles.stored.store import Store
from rmixer.run_record.timeline import Timeline
from rmixer.testing.made_up import make_machine

WORKLOAD = """
name: tiny
jobs:
  - {model: criteo_dlrm, count: 2, steps: 40, batch: 16, rows_cap: 1000}
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def tiny(home: Path, tmp_path: Path, passes: int, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The workload, on this machine's cores, its rates made up so that nothing but the models is
    measured."""
    monkeypatch.setenv("RMIXER_HOME", str(home))
    quick = partial(Plan, least_rounds=1, seconds=0.1, sweep_seconds=2.0)
    monkeypatch.setattr(profiling_plan, "Plan", quick)
    cores = limits.usable_cores()[:2]
    monkeypatch.setattr(limits, "usable_cores", lambda: cores)
    machine = replace(
        make_machine(cores=len(cores), memory_bytes=limits.usable_memory_bytes()),
        cores=cores,
        processor=limits.processor_name(),
        origin="measured",
    )
    Store().save_machine(machine)
    path = tmp_path / "tiny.yaml"
    path.write_text(WORKLOAD)
    return path


def in_a_fresh_process(*commands: list[str]) -> str:
    """The exit code of each of ``commands``, one after the other on the same cores, and what is
    imported by then of what takes longest."""
    torch_too = [] if limits.usable_gpus() else ["torch"]  # which counts GPUs where there are any
    code = f"""
import contextlib, io, os, sys
from rmixer.cli import main

os.sched_setaffinity(0, {limits.usable_cores()!r})
found = []
for arguments in {commands!r}:
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            main(arguments)
        except SystemExit as ended:
            heavy = ["matplotlib", "seaborn", "pandas", "scipy.stats", *{torch_too!r}]
            found.append([ended.code, [name for name in heavy if name in sys.modules]])
print(*found)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_all_four_stages(
    tiny: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    planned = call(capsys, "run", tiny, "--plan", "--out", out)
    assert planned.code == 0, planned.err
    assert "criteo_dlrm at batch 16" in planned.out
    assert not out.exists()

    searched = ("--verify", "--evaluations", "300", "--out", out)
    ended = call(capsys, "run", tiny, *searched)
    assert ended.code == 0, ended.err
    rows = json.loads((out / "sweep.json").read_text())
    assert [row["policy"] for row in rows].count("search") == 1
    assert "noise floor" in ended.out
    assert "against one at a time" in ended.out

    summary = json.loads((out / "summary.json").read_text())
    assert [job["state"] for job in summary["jobs"]] == ["done", "done"]
    assert [job["steps"] for job in summary["jobs"]] == [40, 40]
    assert all(0 <= job["quality"]["auc"] <= 1 for job in summary["jobs"])
    comparison = json.loads((out / "compare.json").read_text())
    predicted = json.loads((out / "predicted" / "summary.json").read_text())
    measured_s, predicted_s = summary["makespan_s"], predicted["makespan_s"]
    assert comparison["makespan"]["error"] == pytest.approx(predicted_s / measured_s - 1)
    assert set(comparison["noise_floor"]) >= {"step", "completion", "makespan"}
    assert set(comparison["ablations"]) == {"no_contention", "sum_of_operators"}
    assert comparison["solo_step_mape"] is not None
    rows = Timeline.read_csv(out / "events.csv")
    for job in ("criteo_dlrm-0", "criteo_dlrm-1"):
        made = sum(row.steps for row in rows.select(job=job))
        assert made == pytest.approx(40)
        weights = torch.load(out / "models" / f"{job}.pt", weights_only=True)
        assert sum(value.numel() for value in weights.values()) > 475_985
    trace = json.loads((out / "trace.json").read_text())
    names = {event["args"].get("name") for event in trace["traceEvents"] if event["ph"] == "M"}
    assert {"predicted", "measured"} <= names
    pictures = {path.stem for path in (out / "figures").glob("*.png")}
    of_the_sweep = {"policies", "pareto", "completions", "use"}
    assert pictures == {"schedule", "job_error", "operators", *of_the_sweep}

    # Done stages are not done again: the second call measures and draws nothing and says the same.
    kept = [out / "events.csv", *(out / "figures").glob("*.png")]
    before = [path.stat().st_mtime_ns for path in kept]
    again = call(capsys, "run", tiny, *searched)
    assert again.code == 0
    assert again.out == ended.out
    assert [path.stat().st_mtime_ns for path in kept] == before
    shown = in_a_fresh_process(
        ["machine"], ["run", str(tiny), *map(str, searched)], ["validate", str(out)]
    )
    assert shown == "[0, []] [0, []] [0, []]", "trains and draws nothing, so needs none of it"

    planned = call(capsys, "run", tiny, "--plan")
    assert "nothing, all known" in planned.out
    assert "saved" in planned.out

    # The schedule replays on its own, and a policy runs live.
    arguments = ("execute", out / "schedule.json", "--out", tmp_path / "replayed")
    assert call(capsys, *arguments).code == 0
    replayed = json.loads((tmp_path / "replayed" / "executed_schedule.json").read_text())
    schedule = json.loads((out / "schedule.json").read_text())
    assert replayed["dispatches"] == schedule["dispatches"]

    missed = call(capsys, "validate", out, "--max-error", "0")
    assert missed.code == 1
    assert "--max-error" in missed.err
    shown = call(capsys, "profile", "show", "criteo_dlrm")
    assert shown.code == 0  # profiled at batch 16 with capped tables only, which is said
    assert "criteo_dlrm-b16" in shown.err
    assert "the only profile of criteo_dlrm" in shown.err
