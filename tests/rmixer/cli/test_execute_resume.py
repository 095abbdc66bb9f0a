"""``rmixer execute --resume``: after a kill it goes on, after the end it has nothing to do."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from calling import call, refused
from executed_workloads import profile_of, this_machine

from executor.journal.journal import NAME, Journal
from executor.workers.mixed_workers import MixedWorkers
from profiles.stored.store import Store
from rmixer.data.prepare import prepare
from rmixer.files.home import home
from rmixer.training.trained_job import unfinished
from rmixer.workload.workload_file import read_workload

WORKLOAD = """
jobs:
  - {model: criteo_dlrm, count: 3, steps: 700, batch: 16, rows_cap: 1000}
"""
PATIENCE_S = 300.0


@pytest.fixture
def queue(tmp_path: Path, rmixer_home: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three jobs, in a home that has this machine and made-up profiles."""
    path = tmp_path / "queue.yaml"
    path.write_text(WORKLOAD)
    prepare("criteo_kaggle", "synthetic")
    own = tmp_path / "home"
    own.mkdir()
    (own / "data").symlink_to(home() / "data")
    monkeypatch.setenv("RMIXER_HOME", str(own))
    store = Store()
    store.save_machine(dataclasses.replace(this_machine(), origin="measured"))
    store.save(profile_of(read_workload(path).jobs[0]))
    return path


def killed_while_it_trains(queue: Path, run: Path) -> None:
    command = [sys.executable, "-c", "from rmixer.cli import main; main()", "execute", str(queue)]
    process = subprocess.Popen(
        [*command, "--policy", "dySequ", "--out", str(run)],
        env=dict(os.environ),
        stderr=subprocess.DEVNULL,
    )
    end_s = time.monotonic() + PATIENCE_S
    while not trains(run):
        assert process.poll() is None
        assert time.monotonic() < end_s
        time.sleep(0.02)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.wait()
    psutil.wait_procs(workers, timeout=PATIENCE_S)


def trains(run: Path) -> bool:
    if not (run / NAME).exists():
        return False
    with Journal(run / NAME) as journal:
        return any(t.detail.get("phase") == "train" for t in journal.transitions())


def summary(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "summary.json").read_text())
    return found


@pytest.mark.thorough
def test_a_killed_run_goes_on(
    queue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    killed_while_it_trains(queue, run)
    assert not (run / "summary.json").exists()
    ended = call(capsys, "execute", "--resume", run)
    assert ended.code == 0, ended.err
    assert "going on with the run: 0 of 3 job(s) are done" in ended.err
    assert [job["state"] for job in summary(run)["jobs"]] == ["done"] * 3
    assert summary(run)["interruptions"] == 1
    said = "work that was done twice is in the measured figures"
    assert said in ended.out
    assert said in call(capsys, "validate", run).out
    assert json.loads((run / "compare.json").read_text())["interruptions"] == 1
    before = (run / "summary.json").read_bytes()
    again = call(capsys, "execute", "--resume", run)
    assert again.code == 0, again.err
    assert "nothing is left to do" in again.err
    assert (run / "summary.json").read_bytes() == before
    assert [job["attempt"] for job in summary(run)["jobs"]] == [2, 2, 1]


@pytest.mark.thorough
def test_a_disk_that_is_full_when_the_weights_are_saved(
    queue: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of the second job: its weights go to a device that is always full, once."""
    queue.write_text(WORKLOAD.replace("}", ", retries: 0}"))
    weights, begin = tmp_path / "run" / "models" / "criteo_dlrm-1.pt", MixedWorkers.open

    def open_without_room(workers: MixedWorkers) -> None:
        weights.parent.mkdir(parents=True)
        unfinished(weights).symlink_to("/dev/full")
        begin(workers)

    monkeypatch.setattr(MixedWorkers, "open", open_without_room)
    ended = call(capsys, "execute", queue, "--policy", "dySequ", "--out", tmp_path / "run")
    assert ended.code == 1
    said = f"disk full: {weights}"
    assert ended.err.endswith(f"failed: 1 job(s) did not finish: criteo_dlrm-1 failed: {said}\n")
    jobs = summary(tmp_path / "run")["jobs"]
    assert [job["state"] for job in jobs] == ["done", "failed", "done"]
    assert [job["error"] for job in jobs] == [None, said, None]
    assert jobs[1]["steps"] == 700
    assert all(0 < job["loss"] < 5 for job in jobs)
    assert sorted(path.name for path in weights.parent.iterdir()) == [
        "criteo_dlrm-0.pt",
        "criteo_dlrm-2.pt",
    ]


def test_what_cannot_be_gone_on_with(
    queue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, "execute", "--resume", tmp_path / "nothing")
    assert "no such folder; allowed: the folder of a run" in said
    said = refused(capsys, "execute", "--resume", queue)
    assert "a file; allowed: the folder of a run" in said
    said = refused(capsys, "execute", queue, "--resume", tmp_path)
    assert said.startswith(f"error: WORKLOAD: found {queue}; allowed: none: the run says it")
    said = refused(capsys, "execute")
    assert "nothing to execute; allowed: a schedule.json, a workload with --policy" in said
    call(capsys, "simulate", queue, "--policy", "dySequ", "--out", tmp_path / "simulated")
    said = refused(capsys, "execute", "--resume", tmp_path / "simulated")
    assert "a run of `rmixer simulate`; allowed: a run that `execute` or `run` began" in said
