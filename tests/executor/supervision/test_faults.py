"""Faults that are caused for real: the job is tried again, and ends as if nothing had happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import executed_workloads
import psutil
import pytest
import torch
from executed_workloads import MIB, execute, profile_of, this_machine, tiny

from executor.journal.journal import NAME, Journal
from executor.supervision.execution import ExecutedRun
from executor.supervision.observer import Observer
from rmixer.data.prepare import prepare
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.scheduling.layout import even_layout
from rmixer.workload.workload import Job

STEPS = 900
EVERY_S = 0.15


@pytest.fixture(autouse=True, scope="module")
def data(rmixer_home: None) -> None:
    prepare("criteo_kaggle", "synthetic")


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory, data: None) -> dict[str, torch.Tensor]:
    """The weights of the job that nothing happens to, beside another: those that something happens
    to are alone, so company changes no bit either."""
    folder = tmp_path_factory.mktemp("calm")
    run = execute(folder, [job(), tiny("companion", "criteo_deepfm", steps=300)])
    first, second = run.summary.jobs
    assert second.start_s < first.end_s
    return weights(folder)


def job() -> Job:
    return tiny("hit", steps=STEPS)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    loaded: dict[str, torch.Tensor] = torch.load(folder / "models" / "hit.pt")
    return loaded


class Once(Observer):
    """Does something to the worker of the only job, once two checkpoints are written."""

    def __init__(self, folder: Path, deed: Callable[[psutil.Process], None]) -> None:
        self._folder, self._deed, self._done = folder, deed, False
        self.told_texts: list[str] = []

    def progress(self, job: str, steps: int) -> None:
        if self._done or not (self._folder / "checkpoints" / "hit.pt.before").exists():
            return
        self._done = True
        self._deed(worker())

    def told(self, text: str) -> None:
        self.told_texts.append(text)


def worker() -> psutil.Process:
    """The worker that trains: the one that has used most time."""
    children = [c for c in psutil.Process().children() if "rmixer.training.worker" in c.cmdline()]
    return max(children, key=lambda child: child.cpu_times().user)


def hit(folder: Path, deed: Callable[[psutil.Process], None]) -> tuple[ExecutedRun, Once]:
    observer = Once(folder, deed)
    settings: dict[str, Any] = {"checkpoint_every_s": EVERY_S, "hang_after_s": 3.0}
    run = execute(
        folder, [job()], layout=even_layout(this_machine(), 1, 1), observer=observer, **settings
    )
    assert observer._done
    return run, observer


def check(folder: Path, run: ExecutedRun, calm: dict[str, torch.Tensor], cause: str) -> None:
    """Ended once, after one failure, with the same weights, from a checkpoint."""
    (found,) = run.summary.jobs
    assert (found.state, found.attempt, found.causes) == ("done", 2, (cause,))
    assert found.steps == STEPS == len(run.step_ends_s["hit"])
    ours = weights(folder)
    assert all(torch.equal(ours[name], calm[name]) for name in calm)
    with Journal(folder / NAME) as journal:
        resumed = [t.detail["steps"] for t in journal.transitions() if t.kind == "resumed"]
    assert len(resumed) == 1
    assert resumed[0] > 0


def test_a_killed_worker(tmp_path: Path, calm: dict[str, torch.Tensor]) -> None:
    run, _ = hit(tmp_path, psutil.Process.kill)
    check(tmp_path, run, calm, "lost_worker")


@pytest.mark.thorough
def test_a_worker_that_hangs(tmp_path: Path, calm: dict[str, torch.Tensor]) -> None:
    run, _ = hit(tmp_path, psutil.Process.suspend)
    check(tmp_path, run, calm, "hang")


@pytest.mark.thorough
def test_a_cut_checkpoint_gives_way_to_the_one_before(
    tmp_path: Path, calm: dict[str, torch.Tensor]
) -> None:
    def cut(process: psutil.Process) -> None:
        process.suspend()
        path = tmp_path / "checkpoints" / "hit.pt"
        os.truncate(path, path.stat().st_size // 2)
        process.kill()

    run, observer = hit(tmp_path, cut)
    check(tmp_path, run, calm, "lost_worker")
    assert any("hit.pt is damaged (it is cut)" in text for text in observer.told_texts)


@pytest.mark.thorough
def test_a_job_that_holds_more_than_its_profile_says(
    tmp_path: Path, calm: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is ended above 1.5 times its promise, and tried again with what it was seen to hold."""

    def small(job: Job) -> ModelProfile:
        return profile_of(job, peak_bytes=120 * MIB)

    monkeypatch.setattr(executed_workloads, "profile_of", small)
    run = execute(tmp_path, [job()], layout=even_layout(this_machine(), 1, 1))
    (found,) = run.summary.jobs
    assert (found.state, found.causes) == ("done", ("out_of_memory",))
    first, second = (b for b in bookings(tmp_path))
    assert first == round(1.2 * 120 * MIB)
    assert second > 1.2 * 180 * MIB
    ours = weights(tmp_path)
    assert all(torch.equal(ours[name], calm[name]) for name in calm)


def bookings(folder: Path) -> list[int]:
    with Journal(folder / NAME) as journal:
        dispatched = [t for t in journal.transitions() if t.kind == "dispatched"]
    return [t.detail["booking"]["booked_bytes"] for t in dispatched]


@pytest.mark.thorough
def test_a_job_that_fails_for_good_after_its_retries(tmp_path: Path) -> None:
    """Two retries, growing pauses; the other job is not held up."""

    class Killer(Observer):
        def phase(self, job: str, phase: str) -> None:
            if job == "hit" and phase == "train":
                os.kill(worker().pid, signal.SIGKILL)

        def retried(self, job: str, error: str, pause_s: float) -> None:
            pauses.append(pause_s)

    pauses: list[float] = []
    run = execute(
        tmp_path,
        [tiny("hit", steps=10**6, retries=1), tiny("other")],
        "sequential",
        observer=Killer(),
    )
    found, other = run.summary.jobs
    assert found.state == "failed"
    assert found.causes == ("lost_worker", "lost_worker")
    assert pauses == [1.0]
    assert other.state == "done"
    assert other.start_s < found.end_s
    assert "was killed by SIGKILL" in (tmp_path / "failures" / "hit.txt").read_text()


DISK = """
import os, sys, threading, time
from pathlib import Path
sys.path.insert(0, {tests!r})
import executed_workloads
from executed_workloads import execute, tiny
from executor.supervision.observer import Observer

folder = Path({folder!r})
filler = folder / "filler"

def fill():
    # Once, or again and again: others give back what they cannot use.
    with filler.open("wb", buffering=0) as file:
        end_s = time.monotonic() + {fill_s}
        while filler.exists():
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                if time.monotonic() > end_s:
                    break
                time.sleep(0.002)
        if {fill_s} == 0.0 and filler.exists():
            file.truncate(filler.stat().st_size - (1 << 20))  # enough for the journal

class Full(Observer):
    filled = False
    def progress(self, job, steps):
        if steps > 50 and not self.filled:
            self.filled = True
            threading.Thread(target=fill).start()
    def told(self, text):
        print(text, flush=True)
        if {until!r} in text:
            threading.Timer(1.0, lambda: filler.unlink(missing_ok=True)).start()

run = execute(folder / "run", [tiny("hit", steps=3000)], observer=Full(), checkpoint_every_s=0.3)
print([(job.state, job.steps, job.attempt) for job in run.summary.jobs], run.failure)
"""


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("until", "fill_s"),
    [("no checkpoint was written", 0.0), ("journal.sqlite cannot be written", 2.0)],
)
def test_a_full_disk_holds_up_and_loses_nothing(tmp_path: Path, until: str, fill_s: float) -> None:
    """A file system of 24 MiB that is filled to the last byte, until somebody makes room."""
    mount = f"mount -t tmpfs -o size=24m tmpfs {tmp_path}"
    if subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True).returncode:
        pytest.skip("this system lets nobody mount a file system")
    program = DISK.format(
        tests=str(Path(executed_workloads.__file__).parent),
        folder=str(tmp_path),
        until=until,
        fill_s=fill_s,
    )
    script = tmp_path.parent / f"{tmp_path.name}.py"
    script.write_text(program)
    found = subprocess.run(
        ["unshare", "-rm", "sh", "-c", f"{mount} && {sys.executable} {script}"],
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert found.returncode == 0, found.stderr
    assert until in found.stdout, found.stdout + found.stderr
    assert "[('done', 3000, 1)] None" in found.stdout, found.stdout + found.stderr


@pytest.mark.thorough
def test_the_wall_clock_set_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a day, in the middle: nothing is decided by it."""
    real, back = time.time, []
    monkeypatch.setattr(time, "time", lambda: real() - (86400.0 if back else 0.0))

    class Back(Observer):
        def progress(self, job: str, steps: int) -> None:
            back.append(job)

    run = execute(tmp_path, [tiny("a"), tiny("b", steps=300)], observer=Back())
    assert back
    assert [job.state for job in run.summary.jobs] == ["done", "done"]
    assert all(row.duration_s >= 0 for row in run.timeline)
    assert 0 < run.summary.makespan_s < 3600
