"""A queue in which some models fail while they are profiled (how is made up here): the others are
trained, and those that failed are reported."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from calling import Ended, call

from experiments.run_files.run_folder import RunFolder
from experiments.stages import profiling as profiling_plan
from profiles.machines import limits
from profiles.profiler import door
from profiles.profiler import profile_jobs as profiler
from profiles.stored.store import Store
from rmixer.errors import RunFailed
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.scheduling.schedule import read_schedule
from rmixer.testing.made_up import make_machine, make_operator, make_profile, make_step
from rmixer.training.task_failure import TaskFailed
from rmixer.workload.workload import Job
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
WORKLOAD = """
name: queue
jobs:
  - {model: "bad_net:build", steps: 20, batch: 8, count: 2}
  - {model: "good_net:build", steps: 20, batch: 8}
  - {model: "worse_net:build", steps: 20, batch: 8}
"""
STATES = {"bad_net-0": "failed", "bad_net-1": "failed", "good_net-0": "done"}
TRACEBACK = 'Traceback (most recent call last):\n  File "bad_net.py"\nLookupError: no row\n'
KILLED = "worker 7 was killed by SIGKILL"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the workload and its models, and a home in which a core of this machine has
    made-up rates."""
    for name in ("bad", "good", "worse"):
        (tmp_path / f"{name}_net.py").write_text(NET)
    (tmp_path / "queue.yaml").write_text(WORKLOAD)
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(door, "_not_importable", lambda jobs: ())
    cores = limits.usable_cores()[:1]
    monkeypatch.setattr(limits, "usable_cores", lambda: cores)
    machine = replace(
        make_machine(cores=1, memory_bytes=limits.usable_memory_bytes()),
        cores=cores,
        processor=limits.processor_name(),
        origin="measured",
    )
    Store().save_machine(machine)
    return tmp_path


def profiled(monkeypatch: pytest.MonkeyPatch, bad: RunFailed, worse: RunFailed) -> None:
    """Let profiling say so of these two models, and that a step of the good one takes 1 ms."""

    def profile_jobs(jobs: Sequence[Job], *_: object) -> Iterator[ModelProfile | RunFailed]:
        made = make_profile("ncf", [make_step(mean_us=1e3)], [make_operator(1e3)], 8, 1 << 28)
        for job in jobs:
            good = replace(made, identity=job.identity)
            yield {"bad_net": bad, "worse_net": worse}.get(job.label, good)

    monkeypatch.setattr(profiler, "profile_jobs", profile_jobs)


def run(place: Path, capsys: pytest.CaptureFixture[str]) -> Ended:
    return call(capsys, "run", place / "queue.yaml", "--search", "0", "--out", place / "run")


def jobs_of(folder: Path) -> dict[str, Any]:
    summary = json.loads((folder / "summary.json").read_text())
    return {job["id"]: job for job in summary["jobs"]}


def test_the_others_are_trained(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    profiled(monkeypatch, TaskFailed("LookupError: no row", TRACEBACK), RunFailed(KILLED))
    ended, out = run(place, capsys), place / "run"
    assert ended.code == 1
    assert f"\nbad_net-0: LookupError: no row\n{TRACEBACK}worse_net-0: {KILLED}\n" in ended.err
    assert "\ngoing on without bad_net-0, bad_net-1, worse_net-0, which could " in ended.err
    assert ended.err.endswith(
        "failed: 3 job(s) did not finish: "
        "bad_net-0 failed: not profiled: LookupError: no row; "
        "bad_net-1 failed: not profiled: LookupError: no row; "
        f"worse_net-0 failed: not profiled: {KILLED}\n"
    )
    jobs, states = jobs_of(out), {**STATES, "worse_net-0": "failed"}
    assert {name: job["state"] for name, job in jobs.items()} == states
    assert list(jobs) == list(states)  # as they were submitted
    assert jobs["bad_net-1"]["error"] == "not profiled: LookupError: no row"
    assert jobs["good_net-0"]["steps"] == 20
    assert (out / "models" / "good_net-0.pt").exists()
    assert (out / "failures" / "bad_net-1.txt").read_text() == TRACEBACK
    assert (out / "failures" / "worse_net-0.txt").read_text() == f"{KILLED}\n"

    # The run is of the others: its schedule, its prediction and its comparison.
    schedule = read_schedule(out / "schedule.json")
    assert [dispatch.job for dispatch in schedule.dispatches] == ["good_net-0"]
    assert schedule.workload_hash == RunFolder.open(out).workload.hash
    assert list(jobs_of(out / "predicted")) == ["good_net-0"]
    comparison = json.loads((out / "compare.json").read_text())
    assert {job["id"]: job["state"] for job in comparison["jobs"]} == states
    assert comparison["jobs"][0]["completion"]["measured_s"] is None
    assert comparison["jobs"][2]["completion"]["error"] is not None
    assert call(capsys, "validate", out).code == 0
    (listed,) = json.loads(call(capsys, "runs", out, "--json").out)
    assert listed["state"] == "failed"
    again = json.loads(call(capsys, "runs", out, "--json").out)
    assert again == [listed]  # looking at it changes nothing

    # Where they fail again, the run is the same, and what was done is not done again.
    profiled(monkeypatch, RunFailed("not today"), RunFailed(KILLED))
    before = (out / "events.csv").read_bytes()
    ended = run(place, capsys)
    assert ended.code == 1
    assert (out / "events.csv").read_bytes() == before
    assert not list(place.glob("run.old-*"))
    assert jobs_of(out)["bad_net-1"]["error"] == "not profiled: not today"
    assert {name: job["state"] for name, job in jobs_of(out).items()} == states


def test_where_the_profiler_itself_fails_it_is_the_failure_of_all_that_are_left(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here of all: there is no run."""

    def profile_jobs(jobs: Sequence[object], *_: object) -> Iterator[RunFailed]:
        yield RunFailed("its own")
        raise RunFailed("no process can be started")

    monkeypatch.setattr(profiler, "profile_jobs", profile_jobs)
    ended = run(place, capsys)
    assert ended.code == 1
    assert ended.err.splitlines()[-1] == (
        "failed: no job of queue could be profiled: bad_net-0: not profiled: its own; "
        "bad_net-1: not profiled: its own; "
        "good_net-0: not profiled: no process can be started; "
        "worse_net-0: not profiled: no process can be started"
    )
    assert not (place / "run").exists()


def test_a_program_that_fails_costs_no_other(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it fails with; and the call fails at the end."""
    (place / "train.py").write_text("import rmixer\n")
    workload = place / "programs.yaml"
    workload.write_text(
        "jobs: [{command: python train.py, steps: 9}, {command: python train.py 2, steps: 9}]"
    )
    tried: list[str] = []

    def profile_command(job: Job, *_: object) -> None:
        tried.append(job.id)
        raise OSError(8, "Exec format error") if len(tried) == 1 else RunFailed("no step\nat all")

    monkeypatch.setattr(profiling_plan, "profile_command", profile_command)
    ended = call(capsys, "profile", "run", "--workload", workload)
    first, second = (job.id for job in read_workload(workload).jobs)
    assert tried == [first, second]
    assert ended.code == 1
    assert f"{first}: OSError: [Errno 8] Exec format error\n" in ended.err
    assert f"{second}: no step\nat all\n" in ended.err
    assert ended.err.endswith(f"failed: not profiled: {first}, {second} (of 2); see above\n")


def test_a_module_that_was_profiled_once_and_does_not_import_today_is_refused(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is executed."""
    profiled(monkeypatch, RunFailed("not today"), RunFailed(KILLED))
    jobs = read_workload(place / "queue.yaml").jobs
    good = next(job for job in jobs if job.label == "good_net")
    made = make_profile("ncf", [make_step(mean_us=1e3)], [make_operator(1e3)], 8, 1 << 28)
    machine = Store().known_machine()
    assert machine is not None
    Store().save(replace(made, identity=good.identity, machine=machine.name))

    def fails(jobs: Sequence[Job]) -> Iterator[tuple[Job, str, str, str]]:
        yield from ((job, "model", "no module 'gone'", "it") for job in jobs if job.id == good.id)

    monkeypatch.setattr(door, "_not_importable", fails)
    ended = run(place, capsys)
    assert ended.code == 2
    assert ended.err.endswith(f"error: job {good.id}: model: found no module 'gone'; allowed: it\n")
    assert not (place / "run" / "events.csv").exists()
