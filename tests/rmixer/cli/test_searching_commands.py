"""``rmixer sweep`` with a search: rows, schedule, words, and the same again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from calling import call, refused

JOBS = """
name: few
jobs:
  - {model: amazon_din, steps: 400}
  - {model: amazon_din, steps: 300}
  - {model: criteo_deepfm, steps: 200}
  - {model: criteo_deepfm, steps: 150}
  - {model: amazon_bst, steps: 100}
"""
ON = ("--machine", "h100-16c", "--policies", "dySequ,lpt", "--gpu-slots", "2", "--cpu-slots", "0,1")


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    path = tmp_path / "few.yaml"
    path.write_text(JOBS)
    return path


def test_a_sweep_that_searches(
    queue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "first"
    shown = call(capsys, "sweep", queue, *ON, "--evaluations", "2000", "--out", out)
    assert shown.code == 0, shown.err
    assert "best possible: at least" in shown.out
    assert "searched" in shown.out
    assert "schedules, " in shown.out
    rows = json.loads((out / "sweep.json").read_text())
    (found,) = (row for row in rows if row["policy"] == "search")
    assert all(row["gap"] == pytest.approx(row["makespan_s"] / row["bound_s"] - 1) for row in rows)
    precise = [row["makespan_s"] for row in rows if row["level"] == "job"]
    assert found["makespan_s"] == min(precise)

    again = tmp_path / "again"
    arguments = ("--evaluations", "2000", "--objective", "completion", "--json", "--out", again)
    second = call(capsys, "sweep", queue, *ON, *arguments)
    by_completion = json.loads(second.out)
    means = [row["mean_completion_s"] for row in by_completion if row["level"] == "job"]
    (found,) = (row for row in by_completion if row["policy"] == "search")
    assert found["mean_completion_s"] == min(means)
    schedule = json.loads((again / "schedule.json").read_text())
    assert schedule["policy"] == by_completion[0]["policy"]
    config = yaml.safe_load((again / "config.yaml").read_text())
    assert config["settings"]["search"]["objective"] == "completion"


def test_what_is_no_search(queue: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--search" in refused(capsys, "sweep", queue, *ON, "--search", "-1")
    assert "--evaluations" in refused(capsys, "sweep", queue, *ON, "--evaluations", "0")
    assert "--objective" in refused(capsys, "sweep", queue, *ON, "--objective", "cost")
