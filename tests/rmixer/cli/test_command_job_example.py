"""The example of a training program as a job: profiled, shown, simulated, swept by commands."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from calling import call, refused

from profiles.machines import limits
from profiles.stored.store import Store
from rmixer.testing.made_up import make_machine, make_operator, make_profile

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


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    "command", [("run",), ("run", "--plan"), ("execute", "--policy", "dySequ")]
)
def test_it_is_not_executed_yet(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    message = refused(capsys, *command, WORKLOAD)
    assert "workload command_job: train.py-0: found the command 'python train.py" in message
    assert "allowed: models so far" in message


@pytest.mark.usefixtures("home")
def test_what_is_for_models_only(capsys: pytest.CaptureFixture[str]) -> None:
    message = refused(capsys, "profile", "run", "--workload", WORKLOAD, "--batch", "8")
    assert "--batch: train.py-0: found 8; allowed: none for a command job" in message


def test_the_page_shows_the_example_as_it_is() -> None:
    page = (ROOT / "docs" / "command_jobs.md").read_text(encoding="utf-8")
    for name in ("train.py", "workload.yaml"):
        assert (EXAMPLE / name).read_text(encoding="utf-8") in page
