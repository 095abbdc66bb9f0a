"""`rmixer validate W --policies N`: which schedules are executed, in turn, and when not again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from calling import call, refused

from experiments.run_files.run_folder import RunFolder
from experiments.stages import policy_race
from experiments.stages.execution import ExecutionRequest
from profiles.machines import limits
from profiles.stored.store import Store
from rmixer.files.typed_files import load_yaml
from rmixer.testing.made_up import make_machine, make_operator, make_profile, make_step
from rmixer.workload.workload_file import read_workload
from sim import simulate
from sim.simple_step_times.uncontended import Uncontended

WORKLOAD = """
jobs:
  - {model: ncf, count: 2, steps: 300, batch: 8, rows_cap: 100}
  - {model: ncf, steps: 100, batch: 8, rows_cap: 100}
"""
RACE = ("validate", "w.yaml", "--policies", "2", "--repeats", "3", "--json")


def save_profile(mean_us: float) -> None:
    for job in read_workload(Path("w.yaml")).jobs[:1]:
        made = make_profile("ncf", [make_step(mean_us=mean_us)], [make_operator(0.9 * mean_us)])
        Store().save(replace(made, identity=job.identity))


@pytest.fixture
def executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The places of all executions, which are simulated without contention."""
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    Path("w.yaml").write_text(WORKLOAD)
    cores = limits.usable_cores()[:2]
    monkeypatch.setattr(limits, "usable_cores", lambda: cores)
    machine = make_machine(cores=len(cores), memory_bytes=limits.usable_memory_bytes())
    here = {"cores": cores, "processor": limits.processor_name(), "origin": "measured"}
    Store().save_machine(replace(machine, **here))
    save_profile(mean_us=10_000.0)
    found: list[str] = []

    def execute(folder: RunFolder, part: str, request: ExecutionRequest, *_: Any) -> Any:
        found.append(part)
        times = Uncontended(request.problem.profiles)
        run = simulate(request.problem, request.new_policy(), request.layout, times)
        folder.write(part, run.timeline, run.summary)
        return SimpleNamespace(summary=run.summary, interrupted=False)

    monkeypatch.setattr(policy_race, "execute", execute)
    return found


def test_executions_are_of_the_schedules_that_were_predicted(
    executed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """In each repeat all schedules, in another order. Only another prediction begins anew."""
    first = call(capsys, *RACE)
    assert first.code == 0, first.err
    contenders = json.loads(first.out)["contenders"]
    count = len(contenders)
    repeats = [executed[at * count : (at + 1) * count] for at in range(3)]
    for number, parts in enumerate(repeats, start=1):
        assert sorted(parts) == [f"repeats/{number:02}/{place}" for place in range(count)]
    assert len({tuple(part[-1] for part in parts) for parts in repeats}) > 1

    config: Any = load_yaml(Path("runs/w-choice/config.yaml"), "run configuration")
    before = [(each["schedule"], each["predicted_s"]) for each in config["settings"]["predictions"]]
    assert before == [(each["name"], pytest.approx(each["predicted_s"])) for each in contenders]

    again = call(capsys, *RACE)
    assert again.out == first.out
    assert len(executed) == 3 * count

    save_profile(mean_us=20_000.0)
    other = call(capsys, *RACE)
    assert other.code == 0, other.err
    assert "moved the earlier run" in other.err
    assert len(executed) == 3 * (count + len(json.loads(other.out)["contenders"]))


def test_a_workload_without_policies(
    executed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    message = refused(capsys, "validate", "w.yaml")
    assert "allowed: the folder of a run; for a workload also --policies N" in message
    assert executed == []
