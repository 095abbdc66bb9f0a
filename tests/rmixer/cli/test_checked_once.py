"""A command reads each profile once and checks once what it executes, before it leaves a trace."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from calling import call, refused

from experiments.stages import execution
from profiles.machines import limits
from profiles.stored import store as profile_store
from profiles.stored.store import Store
from rmixer.model_profile.profile_files import read_profile
from rmixer.scheduling.admission import check_memory
from rmixer.scheduling.problem import Problem
from rmixer.testing.made_up import make_machine, make_operator, make_profile, make_step
from rmixer.workload.workload_file import read_workload

NET = """
import torch
from rmixer.own_model import OwnModel

def build(job):
    net = torch.nn.Linear(3, 1)
    batches = [torch.rand(job.batch, 3)]
    optimizer = torch.optim.SGD(net.parameters(), lr=job.lr)
    return OwnModel(net, batches, lambda net, batch: net(batch).square().mean(), optimizer)
"""
KNOWN = """
jobs:
  - {model: "small_net:build", steps: 20, batch: 8}
  - {model: "small_net:build", steps: 20, batch: 16}
"""
PREDICTED = f'{KNOWN}  - {{model: "small_net:build", steps: 20, batch: 32}}\n'


def save_profiles(peak_bytes: int) -> None:
    for job in read_workload(Path("known.yaml")).jobs:
        made = make_profile("ncf", [make_step()], [make_operator(9e3)], job.batch, peak_bytes)
        Store().save(replace(made, identity=job.identity))


@pytest.fixture
def reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counter[Path]:
    """How often each profile is read, of the two that are known of the model on this machine."""
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    Path("small_net.py").write_text(NET)
    Path("known.yaml").write_text(KNOWN)
    Path("predicted.yaml").write_text(PREDICTED)
    cores = limits.usable_cores()[:1]
    monkeypatch.setattr(limits, "usable_cores", lambda: cores)
    machine = make_machine(cores=1, memory_bytes=limits.usable_memory_bytes())
    here = {"cores": cores, "processor": limits.processor_name(), "origin": "measured"}
    Store().save_machine(replace(machine, **here))
    save_profiles(peak_bytes=1 << 28)
    found: Counter[Path] = Counter()

    def read(folder: Path) -> object:
        found[folder] += 1
        return read_profile(folder)

    monkeypatch.setattr(profile_store, "read_profile", read)
    return found


@pytest.mark.parametrize(
    "command",
    [
        "run known.yaml --search 0",
        "run predicted.yaml --plan",
        "simulate predicted.yaml --policy dyType",
        "sweep predicted.yaml --policies sequential,dyType",
        pytest.param("execute known.yaml --policy dyType", marks=pytest.mark.thorough),
    ],
)
def test_each_profile_is_read_once(
    command: str, reads: Counter[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    ended = call(capsys, *command.split())
    assert ended.code == 0, ended.err
    assert sorted(reads.values()) == [1, 1], reads


@pytest.mark.usefixtures("reads")
@pytest.mark.parametrize(
    ("command", "checks"),
    [
        ("simulate known.yaml --policy dyType", 0),
        pytest.param("execute known.yaml --policy dyType", 1, marks=pytest.mark.thorough),
    ],
)
def test_what_does_not_fit_leaves_an_earlier_run_where_it_is(
    command: str, checks: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A simulation checks its jobs by itself."""
    checked: list[object] = []

    def check(problem: Problem, *rest: Any) -> None:
        checked.append(problem)
        check_memory(problem, *rest)

    monkeypatch.setattr(execution, "check_memory", check)
    ended = call(capsys, *command.split(), "--out", "out")
    assert ended.code == 0, ended.err
    assert len(checked) == checks
    events = Path("out", "events.csv").read_text()
    save_profiles(peak_bytes=1 << 60)
    message = refused(capsys, *command.split(), "--out", "out")
    assert "allowed: less than a device in use has free: cpu:0 has" in message
    assert Path("out", "events.csv").read_text() == events
    assert not list(Path().glob("out.old*"))
