"""A run that is looked at and steered from another terminal, by the commands for that."""

from __future__ import annotations

import dataclasses
import json
import os
import pty
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from calling import call, refused
from executed_workloads import profile_of, this_machine

from executor.journal.journal import NAME
from executor.overview.journal_view import view_of
from executor.overview.run_view import RunView
from profiles.stored.store import Store
from rmixer.data.prepare import prepare
from rmixer.files.home import home
from rmixer.workload.workload_file import read_workload

PATIENCE_S = 300.0
QUEUE = """
name: queue
jobs:
  - {model: criteo_dlrm, id: endless, count: 3, steps: 2000000, batch: 16, rows_cap: 1000}
"""
MORE = """
jobs:
  - {model: "loud:build", id: loud, steps: 400, batch: 8}
  - {model: "loud:build", id: bad, steps: 401, batch: 8}
  - {command: "python counted.py", id: counted, steps: unknown}
"""
COUNTED = """
import rmixer
for step in range(40):
    rmixer.step()
print("counted")
"""
LOUD = """
import torch
from rmixer.own_model import OwnModel

def build(job):
    print(f"building {job.steps} steps")
    if job.steps == 401:
        raise LookupError("no such row")
    net = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    return OwnModel(net, [torch.rand(8, 3)], lambda net, batch: net(batch).mean(), optimizer)
"""


@dataclasses.dataclass(frozen=True)
class Watched:
    """``rmixer execute`` on a terminal."""

    folder: Path
    process: subprocess.Popen[bytes]
    shown: list[bytes]

    def wait_until(self, reached: Callable[[RunView], object]) -> RunView:
        end_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < end_s:
            if (self.folder / NAME).exists() and (view := view_of(self.folder)) and reached(view):
                return view
            assert self.process.poll() is None, b"".join(self.shown).decode()
            time.sleep(0.05)
        raise AssertionError(b"".join(self.shown).decode())


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, rmixer_home: None) -> Iterator[Watched]:
    """Three endless jobs on two slots. Its home has this machine and made-up profiles, of what is
    added later too."""
    folder = tmp_path_factory.mktemp("watched")
    (folder / "queue.yaml").write_text(QUEUE)
    (folder / "more.yaml").write_text(MORE)
    (folder / "new.yaml").write_text("jobs: [{model: ncf, steps: 5}]")
    (folder / "loud.py").write_text(LOUD)
    (folder / "counted.py").write_text(COUNTED)
    prepare("criteo_kaggle", "synthetic")
    (folder / "home").mkdir()
    (folder / "home" / "data").symlink_to(home() / "data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RMIXER_HOME", str(folder / "home"))
        store = Store()
        store.save_machine(dataclasses.replace(this_machine(), origin="measured"))
        for name in ("queue.yaml", "more.yaml"):
            found = {job.identity.key: job for job in read_workload(folder / name).jobs}
            for job in found.values():
                store.save(profile_of(job))
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "rmixer.cli", "execute", "queue.yaml"),
                *("--policy", "dySequ", "--out", "run"),
            ],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "100"},
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        shown: list[bytes] = []
        reader = threading.Thread(target=_read, args=(ours, shown))
        reader.start()
        yield Watched(folder / "run", process, shown)
        process.kill()
        process.wait()
        reader.join()


def _read(terminal: int, shown: list[bytes]) -> None:
    try:
        while part := os.read(terminal, 65536):
            shown.append(part)
    except OSError:  # nobody has it open any more
        os.close(terminal)


def jobs_of(capsys: pytest.CaptureFixture[str], folder: Path) -> dict[str, Any]:
    (execution,) = json.loads(call(capsys, "status", folder, "--json").out)["executions"]
    return {job["id"]: job for job in execution["jobs"]}


@pytest.mark.thorough
def test_a_run_is_looked_at_and_steered(
    watched: Watched, capsys: pytest.CaptureFixture[str]
) -> None:
    run = watched.folder
    watched.wait_until(lambda v: [j.steps_per_s is not None for j in v.running] == [True, True])
    said = call(capsys, "status", run)
    lines = said.out.splitlines()
    assert lines[0].startswith("queue by dySequ: running, begun ")
    assert f"process {watched.process.pid} on " in lines[0]
    assert lines[1].startswith("0 of 3 done, 2 running, 1 queued; ends at about ")
    assert "predicted when it began: " in lines[1]
    assert "queued: endless-2" in lines
    jobs = jobs_of(capsys, run)
    assert jobs["endless-0"]["phase"] == "train"
    assert jobs["endless-0"]["loss"] > 0
    assert (jobs["endless-0"]["device"], jobs["endless-0"]["slot"]) == ("cpu:0", 0)
    # 2,000,000 steps at the pace that is shown.
    first = jobs["endless-0"]
    left_s = (first["steps"] - first["made"]) / first["steps_per_s"]
    assert first["ends_in_s"] == pytest.approx(left_s, rel=0.5)

    assert "'endless-7'; allowed: a job of the run" in refused(capsys, "cancel", run, "endless-7")
    said = call(capsys, "cancel", run, "endless-2")
    assert said.out == "endless-2 is cancelled: it will not start\n"
    assert "cancelled already" in refused(capsys, "cancel", run, "endless-2")
    assert "'endless-0', a job of the run" in refused(capsys, "add", run, run.parent / "queue.yaml")
    assert "`rmixer profile run --workload` measures" in refused(
        capsys, "add", run, run.parent / "new.yaml"
    )
    said = call(capsys, "add", run, run.parent / "more.yaml")
    assert said.out == "added loud, bad, counted\n"
    assert "starts again from step 0 after an interruption (no `resume`): counted" in said.err
    assert "the end is unknown: counted; planned with 1000 steps" in said.err
    assert call(capsys, "cancel", run, "endless-0").code == 0

    # What loud prints is followed to its end; bad fails at once.
    said = call(capsys, "logs", run, "loud", "-f")
    assert said.out == "building 400 steps\n"
    watched.wait_until(lambda view: view.counts["failed"] == 1 and view.counts["done"] == 2)
    assert call(capsys, "logs", run, "counted").out == "counted\n"
    said = call(capsys, "logs", run, "bad")
    assert said.out.startswith("building 401 steps\n--- bad failed ---\nTraceback")
    assert "LookupError: no such row" in said.out
    assert call(capsys, "logs", run, "bad", "--lines", 0).out.startswith("--- bad failed ---")
    assert "has printed nothing" in call(capsys, "logs", run, "endless-1").err
    assert "'nobody'; allowed: a job" in refused(capsys, "logs", run, "nobody")

    said = call(capsys, "status", run)
    assert "2 of 6 done, 1 running, 1 failed, 2 cancelled; ends at about" in said.out
    assert "bad: attempt 1 failed (exception): LookupError: no such row" in said.out
    call(capsys, "cancel", run, "endless-1")
    assert watched.process.wait(PATIENCE_S) == 1  # for bad alone

    shown = b"".join(watched.shown).decode()
    assert "executing dySequ: 0 of 3 done, 2 running" in shown
    assert "steps/s" in shown
    assert "endless-0 cancelled" in shown
    assert "added loud, bad, counted" in shown
    assert "1 job(s) did not finish: bad failed: LookupError: no such row" in " ".join(
        shown.split()
    )
    summary = json.loads((run / "summary.json").read_text())
    assert [job["id"] for job in summary["jobs"] if job["late"]] == [*("loud", "bad", "counted")]
    (counted,) = (job for job in read_workload(run.parent / "more.yaml").jobs if job.command)
    assert (counted.steps, counted.steps_from) == (40, "learned")
    compared = json.loads((run / "compare.json").read_text())
    assert compared["makespan"]["error"] is None

    assert call(capsys, "status", run).out.startswith("queue by dySequ: ended, begun ")
    for command in (("cancel", run, "endless-1"), ("add", run, run.parent / "more.yaml")):
        assert "ended" in refused(capsys, *command) or "already" in refused(capsys, *command)
    (run / NAME).write_bytes(b"nonsense" * 5000)
    assert "--resume` repairs what can be read" in refused(capsys, "status", run)


CONFIG = "schema_version: 1\ncommand: {command}\n"


def test_each_folder_that_does_not_execute_is_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no such folder" in refused(capsys, "status", tmp_path / "nowhere")
    assert "a folder without config.yaml" in refused(capsys, "status", tmp_path)
    (tmp_path / "config.yaml").write_text(CONFIG.format(command="simulate"))
    assert "a run of `rmixer simulate`" in refused(capsys, "status", tmp_path)
    (tmp_path / "config.yaml").write_text(CONFIG.format(command="run"))
    assert call(capsys, "status", tmp_path).out == f"{tmp_path}: it has not begun to execute\n"
    assert json.loads(call(capsys, "status", tmp_path, "--json").out) == {"executions": []}
    for command in ("logs", "cancel"):
        assert "has not begun to execute" in refused(capsys, command, tmp_path, "a")
