"""The check for a machine with a GPU, on stand-in devices: it writes every file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from experiments.gpu_check import __main__ as command
from experiments.gpu_check.measuring import profile
from experiments.gpu_check.parts import NotVerified
from experiments.gpu_check.setting import MODELS, Setting, queue
from experiments.gpu_check.stand_ins import dry_plan
from experiments.validation.comparison import read_comparison
from profiles.measurements.rounds import Plan
from profiles.profiler.profile_jobs import profile_jobs
from profiles.stored.store import Store
from rmixer.hardware.machine import read_machine
from rmixer.run_record.run_summary import read_summary
from rmixer.workload.workload import Workload, job_of


@pytest.mark.usefixtures("rmixer_home")
def test_a_dry_run_writes_every_file(tmp_path: Path) -> None:
    done = CliRunner().invoke(command.main, ["--dry-run", "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "dry run: stand-in devices" in done.output
    machine = read_machine(tmp_path / "machine.yaml")
    assert [gpu.name for gpu in machine.gpus] == ["stand-in"]
    profiles = list((tmp_path / "profiles").glob("*/*/summary.json"))
    assert len(profiles) == 2
    folder = tmp_path / "executions" / "gpu-1-cpu-1"
    predicted, measured = (
        read_summary(folder / place / "summary.json") for place in ("predicted", ".")
    )
    assert {job.device for job in measured.jobs} == {"gpu:0", "cpu:0"}
    assert {job.state for job in measured.jobs} == {"done"}
    assert [job.id for job in predicted.jobs] == [job.id for job in measured.jobs]
    compared = read_comparison(folder / "compare.json")
    (row,) = json.loads((tmp_path / "compare.json").read_text())["executions"]
    assert row["name"] == "gpu-1-cpu-1"
    assert row["makespan_error"] == compared.makespan.error
    assert (row["jobs_done"], row["jobs"]) == (3, 3)
    assert 0 < row["jobs_on_gpu"] < 3
    whole = json.loads((tmp_path / "verified.json").read_text())
    assert {each["state"] for each in whole["parts"]} == {"went through", "not verified"}
    assert set(whole["versions"]) >= {"torch", "cuda", "driver", "python", "hardware", "rmixer"}
    assert whole["title"].endswith("(dry run: stand-in devices)")
    assert (tmp_path / "verified.txt").read_text() in done.output
    assert not list(tmp_path.rglob("*.pt"))


def test_where_there_is_no_gpu_it_says_so_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "usable_gpus", lambda: 0)
    done = CliRunner().invoke(command.main, ["--out", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert done.output == "error: there is no NVIDIA GPU here; allowed: --dry-run\n"
    assert not (tmp_path / "out").exists()


def test_without_time_everything_is_left_out_and_told(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        command.main, ["--dry-run", "--budget-s", "0", "--out", str(tmp_path)]
    )
    assert done.exit_code == 0, done.output
    parts = json.loads((tmp_path / "verified.json").read_text())["parts"]
    assert {each["state"] for each in parts} == {"not verified"}
    assert len(parts) == 10
    assert sum("left out" in each["told"] for each in parts) == 9
    assert parts[-1]["told"] == "it was not executed"


def test_the_queue_is_most_of_the_balanced_one() -> None:
    """Six models of its ten."""
    jobs = queue().jobs
    assert len(jobs) == 20
    assert {job.model for job in jobs} == set(MODELS)
    assert {job.steps for job in jobs} == {30}
    assert max(job.batch for job in jobs) == 512


@pytest.mark.thorough
@pytest.mark.usefixtures("rmixer_home")
def test_profiles_are_taken_and_those_without_a_gpu_are_told(tmp_path: Path) -> None:
    """The real profiler, on the CPU alone."""
    job = replace(job_of("criteo_dlrm"), id="a", batch=16, rows_cap=1000)
    plan = Plan(seconds=0.3, neighbours=False)
    setting = Setting(
        replace(
            dry_plan(),
            workload=Workload("one", 0, (job,)),
            profiles=lambda jobs, machine: profile_jobs(
                jobs, replace(machine, gpus=()), (1,), plan
            ),
        ),
        tmp_path,
        tmp_path,
    )
    setting.known = setting.plan.machine()
    with pytest.raises(NotVerified, match="missing: criteo_dlrm: not on the GPU"):
        profile(setting, 60.0)
    (found,) = Store(tmp_path / "profiles").profiles("stand-in")
    assert found.key == job.identity.key
    with pytest.raises(NotVerified, match="no model is profiled on the GPU"):
        setting.problem  # noqa: B018
