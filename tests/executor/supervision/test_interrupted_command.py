"""``rmixer execute`` interrupted: exit code 130, no process left, and what was recorded is kept."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from executed_workloads import profile_of, this_machine

from profiles.stored.store import Store
from rmixer.data.prepare import prepare
from rmixer.files.home import home
from rmixer.run_record.timeline import Timeline
from rmixer.training.checkpoint import load_checkpoint
from rmixer.workload.workload_file import read_workload

_PATIENCE_S = 300
"""With an idle core all is over within seconds; tests share theirs, and nobody waits for longer
than it takes."""

PROGRAM = """
from rmixer.cli import main, progress

shown = progress._Watcher.progress

def also_printed(watcher, job, steps):
    shown(watcher, job, steps)
    print(f"{job} has made {steps} steps", flush=True)

progress._Watcher.progress = also_printed
main()
"""
"""The command line, which says besides how far a job has come: without a terminal it does not."""

WORKLOAD = """
jobs:
  - {model: criteo_dlrm, count: 3, steps: 2000000, batch: 16, rows_cap: 1000}
"""


class Command:
    """One ``rmixer execute`` in a process group of its own, as a terminal would start it."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder / "out"
        self._errors = folder / "stderr.txt"
        arguments = ["execute", str(folder / "queue.yaml"), "--policy", "dySequ"]
        command = [sys.executable, "-c", PROGRAM, *arguments, "--out", str(self.folder)]
        with self._errors.open("w") as errors:
            self.process = subprocess.Popen(
                command, env=environment, stderr=errors, stdout=errors, process_group=0
            )

    @property
    def printed(self) -> str:
        return self._errors.read_text()

    def wait_until(self, reached: Callable[[], object]) -> None:
        end_s = time.monotonic() + _PATIENCE_S
        while not reached():
            assert self.process.poll() is None, self.printed
            assert time.monotonic() < end_s, self.printed
            time.sleep(0.02)

    def wait_until_printed(self, text: str) -> None:
        self.wait_until(lambda: text in self.printed)

    def workers(self) -> list[psutil.Process]:
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in children if "rmixer.training.worker" in child.cmdline()]

    def wait_until_both_train(self) -> None:
        """The first three steps of a job are its warm-up."""
        for job in ("criteo_dlrm-0", "criteo_dlrm-1"):
            said = re.compile(rf"{job} has made (\d+) steps")
            self.wait_until(lambda said=said: any(int(n) > 3 for n in said.findall(self.printed)))

    def end(self, children: list[psutil.Process]) -> dict[str, Any]:
        """Check how it ends, from the last signal on; its summary."""
        assert self.process.wait(timeout=_PATIENCE_S) == 130, self.printed
        _, alive = psutil.wait_procs(children, timeout=_PATIENCE_S)
        assert not alive
        assert "Traceback" not in self.printed
        assert self.printed.endswith("interrupted\n")
        found: dict[str, Any] = json.loads((self.folder / "summary.json").read_text())
        return found


@pytest.fixture
def command(
    tmp_path: Path, rmixer_home: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Command]:
    """Three endless jobs on two slots. Its home has this machine and made-up profiles."""
    (tmp_path / "queue.yaml").write_text(WORKLOAD)
    prepare("criteo_kaggle", "synthetic")
    own = tmp_path / "home"
    own.mkdir()
    (own / "data").symlink_to(home() / "data")
    monkeypatch.setenv("RMIXER_HOME", str(own))
    store, machine = Store(), dataclasses.replace(this_machine(), origin="measured")
    store.save_machine(machine)
    job = read_workload(tmp_path / "queue.yaml").jobs[0]
    store.save(profile_of(job))
    started = Command(tmp_path, dict(os.environ))
    yield started
    started.process.kill()
    started.process.wait()


def check_record(folder: Path, summary: dict[str, Any]) -> None:
    """Two jobs were at work, the third waited; the files agree on how far they came."""
    first, second, third = summary["jobs"]
    assert third["state"] == "queued"
    timeline = Timeline.read_csv(folder / "events.csv")
    for job in (first, second):
        assert job["state"] == "interrupted"
        assert job["steps"] > 3
        rows = timeline.select(job=job["id"])
        assert sum(row.steps for row in rows) == pytest.approx(job["steps"], abs=1e-6)
        assert len(np.load(folder / "steps" / f"{job['id']}.npy")) == job["steps"]
    assert not list(folder.glob("models/*"))


@pytest.mark.thorough
def test_ctrl_c_twice_at_the_terminal(command: Command) -> None:
    """It goes to the whole group; the second ends at once a worker that does not come to the end
    of its step."""
    command.wait_until_both_train()
    workers = command.workers()
    assert len(workers) == 2
    workers[0].suspend()
    os.killpg(command.process.pid, signal.SIGINT)
    command.wait_until_printed("ending: 2 job(s)")
    os.killpg(command.process.pid, signal.SIGINT)
    check_record(command.folder, command.end(workers))


@pytest.mark.thorough
def test_one_termination_after_the_terminal_was_closed(command: Command) -> None:
    """SIGHUP ends nothing, SIGTERM lets every job write a checkpoint after its last step."""
    command.wait_until_both_train()
    workers = command.workers()
    command.process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert command.process.poll() is None, command.printed
    command.process.send_signal(signal.SIGTERM)
    summary = command.end(workers)
    check_record(command.folder, summary)
    assert f"rmixer execute --resume {command.folder}" in command.printed
    for job in summary["jobs"][:2]:
        found = load_checkpoint(command.folder / "checkpoints" / f"{job['id']}.pt")
        assert found.step == job["steps"]


def test_termination_while_the_workers_are_warming(command: Command) -> None:
    command.wait_until_printed("warming 2 worker(s)")
    command.wait_until(lambda: len(command.workers()) == 2)
    workers = command.workers()
    command.process.send_signal(signal.SIGTERM)
    summary = command.end(workers)
    assert [job["state"] for job in summary["jobs"]] == ["queued"] * 3
    assert (command.folder / "events.csv").exists()
