"""The example of a training program as a job: profiled, shown, simulated, swept by commands."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from calling import call, refused
from made_up_programs import make_command_profile

from profiles.machines import limits
from profiles.stored.store import Store
from rmixer.testing.made_up import make_machine, make_operator, make_profile, make_step
from rmixer.workload.workload_file import read_workload

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "experiments" / "examples" / "command_job"
WORKLOAD = EXAMPLE / "workload.yaml"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a machine in it that has one of this one's cores, and a profile of the
    workload's model."""
    home = tmp_path / "home"
    monkeypatch.setenv("RMIXER_HOME", str(home))
    cores = limits.usable_cores()[:1]
    monkeypatch.setattr(limits, "usable_cores", lambda: cores)
    machine = replace(
        make_machine(cores=1, memory_bytes=limits.usable_memory_bytes()),
        cores=cores,
        processor=limits.processor_name(),
        origin="measured",
    )
    store = Store()
    store.save_machine(machine)
    store.save(make_profile(operators=[make_operator(10_000.0)]))
    return home


def test_profile_show_simulate_sweep(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profiled = call(capsys, "profile", "run", "--workload", WORKLOAD, "--seconds", "1")
    assert profiled.code == 0, profiled.err
    assert "profiling 1 model(s)" in profiled.err
    (folder,) = (home / "profiles" / "made-up").glob("train.py-*")
    identity = json.loads((folder / "summary.json").read_text())["identity"]
    assert identity["architecture"] == "python train.py --steps 100000 --lr 0.02"
    assert len((folder / "operators.csv").read_text().splitlines()) == 1

    for name in ("train.py", folder.name):
        shown = call(capsys, "profile", "show", name)
        assert shown.code == 0, shown.err
        assert "a command job: its operators are unknown" in shown.out
    message = refused(capsys, "profile", "show", "train.py", "--batch", "4")
    assert "allowed: none for a command job" in message

    out = tmp_path / "simulated"
    simulated = call(capsys, "simulate", WORKLOAD, "--policy", "dySequ", "--json", "--out", out)
    assert simulated.code == 0, simulated.err
    jobs = json.loads(simulated.out)["jobs"]
    assert [job["id"] for job in jobs] == ["criteo_dlrm-0", "train.py-0", "train.py-1"]
    assert [job["steps"] for job in jobs] == [400, 100_000, 100_000]

    swept = call(capsys, "sweep", WORKLOAD, "--json", "--out", tmp_path / "swept")
    assert swept.code == 0, swept.err
    assert (tmp_path / "swept" / "schedule.json").exists()


PROGRAM = """
import time
import rmixer
for _ in range(30):
    time.sleep(0.002)
    rmixer.step()
"""


def test_steps_that_nobody_knows_are_learned_by_the_first_run(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ends.py").write_text(PROGRAM)
    workload = tmp_path / "queue.yaml"
    workload.write_text("jobs: [{command: python ends.py, steps: unknown}]")
    (job,) = read_workload(workload).jobs
    Store().save(make_command_profile(job, make_step(mean_us=2000.0)))

    message = refused(capsys, "simulate", workload, "--policy", "dySequ")
    assert "ends.py-0: steps: found 'unknown', by now; allowed: a number, or what a fi" in message
    assert f"`rmixer execute {workload} --policy sequential`" in message
    refused(capsys, "sweep", workload)
    plan = call(capsys, "run", "--plan", workload)
    assert "the end is unknown: ends.py-0; planned with 1000 steps" in plan.out

    out = tmp_path / "executed"
    executed = call(
        capsys, "execute", workload, "--policy", "sequential", "--out", out, "--share-machine"
    )
    assert executed.code == 0, executed.err
    assert "starts again from step 0 after an interruption (no `resume`): ends.py-0" in executed.err
    assert "the end is unknown: ends.py-0" in executed.err
    assert "ends.py-0: it made 30 steps; later runs know this number" in executed.err
    compared = json.loads((out / "compare.json").read_text())
    (line,) = compared["jobs"]
    assert line["step_ms"]["error"] is not None
    assert (line["completion"]["error"], compared["makespan"]["error"]) == (None, None)

    simulated = call(
        capsys, "simulate", workload, "--policy", "dySequ", "--json", "--out", tmp_path / "sim"
    )
    assert simulated.code == 0, simulated.err
    assert [line["steps"] for line in json.loads(simulated.out)["jobs"]] == [30]


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("command", [("run",), ("execute", "--policy", "dySequ")])
def test_a_program_that_wants_a_gpu_is_refused_in_a_line(
    command: tuple[str, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "usable_gpus", lambda: 0)
    (tmp_path / "ends.py").write_text(PROGRAM)
    workload = tmp_path / "queue.yaml"
    workload.write_text("jobs: [{command: python ends.py, steps: 30, gpus: 1}]")
    message = refused(capsys, *command, workload)
    assert "job ends.py-0: gpus: found 1; allowed: 0: there is no NVIDIA GPU here" in message


def test_its_own_options_say_how_many_steps_it_makes(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = call(capsys, "run", "--plan", WORKLOAD, "--set", "steps_scale=0.01")
    assert plan.code == 0, plan.err
    assert "steps_scale does not change train.py-0, train.py-1" in plan.err
    assert "3 jobs, 200004 training steps" in plan.out


@pytest.mark.usefixtures("home")
def test_what_is_for_models_only(capsys: pytest.CaptureFixture[str]) -> None:
    message = refused(capsys, "profile", "run", "--workload", WORKLOAD, "--batch", "8")
    assert "--batch: train.py-0: found 8; allowed: none for a command job" in message


def test_the_page_shows_the_example_as_it_is() -> None:
    page = (ROOT / "docs" / "how-to" / "command_jobs.md").read_text(encoding="utf-8")
    for name in ("train.py", "workload.yaml"):
        assert (EXAMPLE / name).read_text(encoding="utf-8") in page
