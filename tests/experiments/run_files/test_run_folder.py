"""A run's folder: gone on with for the same inputs, moved aside for others, never overwritten."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_runs import packed_run

from experiments.run_files.run_folder import RunFolder, RunInputs
from rmixer.errors import InputError
from rmixer.testing.made_up import make_job, make_machine, make_workload

WORKLOAD = make_workload(make_job("a"), make_job("b"))
MACHINE = make_machine()
INPUTS = RunInputs("simulate", WORKLOAD, MACHINE, {"policy": "dyType"})


def create(path: Path, said: list[str] | None = None, **changes: Any) -> RunFolder:
    """A folder for a simulation of ``WORKLOAD`` by dyType, but for ``changes`` of its inputs."""
    report = (said if said is not None else []).append
    return RunFolder.create(path, replace(INPUTS, **changes), report)


def test_its_inputs_read_back(tmp_path: Path) -> None:
    create(tmp_path / "run")
    folder = RunFolder.open(tmp_path / "run")
    assert folder.workload == WORKLOAD
    assert folder.workload.hash == WORKLOAD.hash
    assert folder.machine == MACHINE


def test_the_same_inputs_go_on(tmp_path: Path) -> None:
    create(tmp_path / "run").mark_done("sweep")
    said: list[str] = []
    again = create(tmp_path / "run", said)
    assert again.is_done("sweep")
    assert not again.is_done("execute")
    assert said == []


def test_what_a_run_goes_on_from_is_forced_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forced: list[str] = []

    def fsync(number: int) -> None:
        forced.append(Path(os.readlink(f"/proc/self/fd/{number}")).name)

    monkeypatch.setattr(os, "fsync", fsync)
    folder = create(tmp_path / "run")
    (folder.path / "predicted").mkdir()
    (folder.path / "predicted" / "summary.json").write_text("{}")
    folder.sync()
    assert {"config.yaml", "fingerprint.json", "summary.json", "predicted", "run"} <= set(forced)
    forced.clear()
    folder.mark_done("sweep")
    assert forced == ["stages.json", "run"]
    forced.clear()
    summary, timeline = packed_run(["a-0"], 1, run="measured")
    folder.write("sequential", timeline, summary)
    assert {"events.csv", "summary.json", "sequential"} == set(forced)


@pytest.mark.parametrize(
    "change",
    [
        {"settings": {"policy": "dySequ"}},
        {"workload": make_workload(make_job("c"))},
        {"machine": make_machine(cores=7)},
        {"command": "sweep"},
    ],
)
def test_other_inputs_move_the_earlier_run_aside(change: dict[str, Any], tmp_path: Path) -> None:
    (create(tmp_path / "run").path / "overnight.txt").write_text("hours of work")
    said: list[str] = []
    create(tmp_path / "run", said, **change)
    assert not (tmp_path / "run" / "overnight.txt").exists()
    assert (tmp_path / "run.old-1" / "overnight.txt").read_text() == "hours of work"
    assert "run.old-1" in said[0]
    create(tmp_path / "run", said, settings={"policy": "dyRand"})
    assert (tmp_path / "run.old-2").exists()


def test_the_same_inputs_begin_anew_unless_the_run_may_be_gone_on_with(tmp_path: Path) -> None:
    create(tmp_path / "run").mark_done("execute")
    said: list[str] = []
    anew = RunFolder.create(tmp_path / "run", INPUTS, said.append, earlier="aside")
    assert not anew.is_done("execute")
    assert RunFolder.open(tmp_path / "run.old-1").is_done("execute")
    assert "run.old-1" in said[0]


def test_an_empty_folder_will_do_and_another_will_not(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert create(tmp_path / "empty").workload == WORKLOAD
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.png").touch()
    with pytest.raises(InputError, match="the folder of a run"):
        create(tmp_path / "photos")
    with pytest.raises(InputError, match="no such folder"):
        RunFolder.open(tmp_path / "none")


def test_a_run_of_another_schema_is_refused(tmp_path: Path) -> None:
    path = create(tmp_path / "run").path / "config.yaml"
    path.write_text(path.read_text().replace("schema_version: 1", "schema_version: 2", 1))
    with pytest.raises(InputError, match="schema_version"):
        RunFolder.open(tmp_path / "run")


def test_an_unfinished_execution_is_set_aside(tmp_path: Path) -> None:
    folder = create(tmp_path / "run")
    assert folder.set_aside(".") is None
    (folder.path / "models").mkdir()
    (folder.path / "models" / "a.pt").write_text("weights")
    (folder.path / "schedule.json").write_text("the plan")
    aside = folder.set_aside(".")
    assert aside is not None
    assert (aside / "models" / "a.pt").read_text() == "weights"
    assert not (folder.path / "models").exists()
    assert (folder.path / "schedule.json").exists()
