"""Workloads that come along are found by their bare names, from any folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from calling import call, refused

from experiments.run_files.run_folder import RunFolder

SIMULATED = ("--policy", "lpt", "--machine", "epyc-2c", "--out")


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["quickstart", "quickstart.yaml"])
def test_a_bundled_workload_and_machine(
    name: str, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = call(capsys, "simulate", name, *SIMULATED, "out")
    assert ended.code == 0
    assert RunFolder.open(elsewhere / "out").workload.name == "quickstart"
    jobs = json.loads((elsewhere / "out" / "summary.json").read_text())["jobs"]
    assert len(jobs) == 6
    for job in jobs:
        row = next(line for line in ended.out.splitlines() if f" {job['id']} " in line)
        assert f"{job['device']} " in row
    assert "one at a time (sequential): 21" in ended.out


def test_a_file_of_that_name_comes_first(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (elsewhere / "quickstart").write_text("jobs: [{model: criteo_dlrm, steps: 0}]")
    assert "jobs.0.steps: found 0" in refused(capsys, "simulate", "quickstart", *SIMULATED, "out")


@pytest.mark.usefixtures("elsewhere")
def test_a_name_that_is_nearly_right(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (("simulate", "quickstat", *SIMULATED, "out"), ("run", "quickstat")):
        message = refused(capsys, *command)
        assert "quickstat: found no such file" in message
        assert "did you mean 'quickstart'? one of arrivals_12, balance_24" in message


def test_a_schedule_that_lies_in_no_run_folder(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(capsys, "simulate", "quickstart", *SIMULATED, "out").code == 0
    moved = (elsewhere / "out" / "schedule.json").rename(elsewhere / "mine.json")
    message = refused(capsys, "execute", moved)
    assert message == (
        f"error: --workload: found nothing, and {elsewhere} is no run folder; "
        "allowed: the workload that mine.json was made for\n"
    )


def test_a_choice_among_schedules_of_a_bundled_workload(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refused(capsys, "validate", elsewhere.name + "-queue", "--policies", 1)
    assert "allowed: a workload file, or a bundled workload" in message
