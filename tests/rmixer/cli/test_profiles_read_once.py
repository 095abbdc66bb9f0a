"""A command reads and checks each profile once, however many of its stages ask for it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from calling import call

from profiles.machines import limits
from profiles.stored import store as profile_store
from profiles.stored.store import Store
from rmixer.profile.profile_files import read_profile
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
    for job in read_workload(Path("known.yaml")).jobs:
        made = make_profile("ncf", [make_step()], [make_operator(9e3)], job.batch, 1 << 28)
        Store().save(replace(made, identity=job.identity))
    found: Counter[Path] = Counter()

    def read(folder: Path) -> object:
        found[folder] += 1
        return read_profile(folder)

    monkeypatch.setattr(profile_store, "read_profile", read)
    return found


@pytest.mark.parametrize(
    "command",
    [
        "run known.yaml",
        "run predicted.yaml --plan",
        "simulate predicted.yaml --policy dyType",
        "sweep predicted.yaml --policies sequential,dyType",
        "execute known.yaml --policy dyType",
    ],
)
def test_each_profile_is_read_once(
    command: str, reads: Counter[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    ended = call(capsys, *command.split())
    assert ended.code == 0, ended.err
    assert sorted(reads.values()) == [1, 1], reads
