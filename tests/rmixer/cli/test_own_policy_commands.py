"""Commands that run a policy of the user's own, and what they say where it is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from calling import call, refused

from profiles.machines import limits
from profiles.stored.store import Store
from rmixer.policies import ClusterView, Dispatch, Policy
from rmixer.testing.made_up import make_machine, make_operator, make_profile, make_step
from rmixer.workload.workload_file import read_workload


class LastFirst(Policy):
    """The job that was submitted last goes first."""

    name = "last_first"

    def decide(self, view: ClusterView) -> list[Dispatch]:
        free = [device.name for device in view.devices.values() if device.free_slots]
        jobs = list(view.waiting())[::-1]
        return [Dispatch(jobs[0].id, (free[0],))] if free and jobs else []


class Worded(LastFirst):
    """Has a setting that is a word."""

    def __init__(self, seed: int = 0, file: str = "") -> None:
        super().__init__(seed)
        self.file = file


class Nonsense(LastFirst):
    """Sends a job to a device that is not there, once it is asked after an end."""

    def decide(self, view: ClusterView) -> list[Dispatch]:
        if any(job.state == "done" for job in view.jobs.values()):
            return [Dispatch(next(view.waiting()).id, ("gpu:7",))]
        return super().decide(view)


class Broken(LastFirst):
    """Has a mistake in it."""

    def decide(self, view: ClusterView) -> Any:
        return view.jobz


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with this machine in it, of one core, and a queue of three jobs that are profiled."""
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    cores = limits.usable_cores()[:1]
    monkeypatch.setattr(limits, "usable_cores", lambda: cores)
    machine = replace(
        make_machine(cores=1, memory_bytes=limits.usable_memory_bytes()),
        cores=cores,
        processor=limits.processor_name(),
        origin="measured",
    )
    Store().save_machine(machine)
    path = tmp_path / "queue.yaml"
    path.write_text("jobs: [{model: ncf, steps: 3, batch: 64, count: 3}]")
    job = read_workload(path).jobs[0]
    made = make_profile(job.model, [make_step()], [make_operator(10_000.0)], job.batch, 1 << 26)
    Store().save(replace(made, identity=job.identity))
    return path


MINE = f"{__name__}:LastFirst"


def test_it_is_simulated(queue: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = queue.parent / "out"
    ended = call(capsys, "simulate", queue, "--policy", MINE, "--json", "--out", out)
    assert ended.code == 0, ended.err
    jobs = {job["id"]: job["start_s"] for job in json.loads(ended.out)["jobs"]}
    assert sorted(jobs, key=lambda job: jobs[job]) == ["ncf-2", "ncf-1", "ncf-0"]
    assert json.loads((out / "schedule.json").read_text())["policy"] == MINE


def test_a_word_in_its_name_leads_nowhere_else(
    queue: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = call(capsys, "simulate", queue, "--policy", f"{__name__}:Worded:file=../../away/here")
    assert ended.code == 0, ended.err
    (folder,) = (queue.parent / "runs").iterdir()
    assert folder.name == f"queue-{__name__}:Worded:file=.._.._away_here"
    assert not (queue.parent / "away").exists()


def test_it_is_swept_beside_ours(queue: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policies = f"{MINE},lpt,{MINE}:seed=3"
    ended = call(capsys, "sweep", queue, "--policies", policies, "--json")
    assert ended.code == 0, ended.err
    rows = {row["policy"]: row["makespan_s"] for row in json.loads(ended.out)}
    assert set(rows) == {MINE, "lpt", f"{MINE}:seed=3"}
    assert rows[MINE] == pytest.approx(3 * 0.03)


@pytest.mark.thorough  # a worker process and made-up data: seconds
def test_it_is_executed_live(queue: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = queue.parent / "out"
    ended = call(capsys, "execute", queue, "--policy", MINE, "--share-machine", "--out", out)
    assert ended.code == 0, ended.err
    jobs = json.loads((out / "summary.json").read_text())["jobs"]
    assert all(job["state"] == "done" for job in jobs)
    started = sorted(jobs, key=lambda job: job["start_s"])
    assert [job["id"] for job in started] == ["ncf-2", "ncf-1", "ncf-0"]
    summary = json.loads((out / "executed_schedule.json").read_text())
    assert summary["policy"] == MINE


COMMANDS = (("simulate", "--policy"), ("sweep", "--policies"), ("execute", "--policy"))


@pytest.mark.parametrize(("command", "option"), COMMANDS)
@pytest.mark.parametrize(
    ("policy", "told"),
    [
        (f"{__name__}:Path", "a subclass of rmixer.policies.Policy"),
        (f"{__name__}:LastFist", "did you mean 'LastFirst'"),
        ("no_such_module:Mine", "no module 'no_such_module'"),
        (f"{__name__}:Nonsense", "('gpu:7',): no such device among cpu:0"),
    ],
)
def test_wrong_policies_write_nothing(
    command: str,
    option: str,
    policy: str,
    told: str,
    queue: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = sorted(queue.parent.rglob("*"))
    out = queue.parent / "out"
    message = refused(capsys, command, queue, option, policy, "--out", out)
    assert told in message
    assert policy in message
    assert message.count("\n") == 1
    assert sorted(queue.parent.rglob("*")) == before


@pytest.mark.parametrize(("command", "option"), COMMANDS)
def test_an_error_of_its_own_is_shown_as_the_users(
    command: str, option: str, queue: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = queue.parent / "out"
    policy = f"{__name__}:Broken"
    ended = call(capsys, command, queue, option, policy, "--out", out)
    assert (ended.code, ended.out) == (1, "")
    first, *trace = ended.err[ended.err.index("failed: ") :].splitlines()
    assert first.startswith(f"failed: policy '{policy}': AttributeError: 'ClusterView' object has")
    files = [line for line in trace if line.startswith("  File ")]
    assert len(files) == 1
    assert "test_own_policy_commands.py" in files[0]
    assert not out.exists()
