"""Workers that die and policies that raise: what can go on goes on, nothing recorded is lost."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest
from executed_workloads import execute, this_machine, tiny

from executor.supervision.execution import ExecutedRun
from executor.supervision.observer import Observer
from rmixer.data.prepare import prepare
from rmixer.errors import PolicyFailed, RunFailed
from rmixer.policies.baselines.simple import AllAtOnce, Sequential
from rmixer.scheduling.layout import Cut
from rmixer.scheduling.view import ClusterView, Dispatch
from rmixer.training.trained_job import unfinished

LONG = 10**6


@pytest.fixture(autouse=True, scope="module")
def data(rmixer_home: None) -> None:
    prepare("criteo_kaggle", "synthetic")


def workers() -> list[psutil.Process]:
    """The workers of this process that live."""
    return [
        child
        for child in psutil.Process().children()
        if "rmixer.training.worker" in child.cmdline()
    ]


class Assassin(Observer):
    """Kills the only worker while ``victim`` trains, and once more when ``idle_after`` ends."""

    def __init__(self, folder: Path, victim: str, idle_after: str) -> None:
        self.folder, self._victim, self._idle_after = folder, victim, idle_after
        self.killed: list[int] = []

    def progress(self, job: str, steps: int) -> None:
        if job == self._victim and steps > 3:
            # A worker that dies while it saves leaves this.
            half = unfinished(self.folder / "models" / f"{job}.pt")
            half.parent.mkdir(parents=True, exist_ok=True)
            half.write_bytes(b"half a file")
            self._kill()

    def ended(self, job: str, state: str, error: str | None) -> None:
        if job == self._idle_after:
            self._kill()

    def _kill(self) -> None:
        (worker,) = (worker for worker in workers() if worker.pid not in self.killed)
        self.killed.append(worker.pid)
        os.kill(worker.pid, signal.SIGKILL)
        os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)


class Forgetful(Sequential):
    """One job at a time, and one job never."""

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        return [dispatch for dispatch in super().decide(view) if dispatch.job != "forgotten"]


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory, data: None) -> tuple[ExecutedRun, Assassin]:
    """One slot, whose worker is killed at work and then, a fresh one, between two jobs."""
    folder = tmp_path_factory.mktemp("killed")
    assassin = Assassin(folder, victim="victim", idle_after="second")
    names = ("second", "third", "forgotten")
    jobs = [tiny("victim", steps=LONG, retries=0), *(tiny(name) for name in names)]
    policy = Forgetful()
    run = execute(folder, jobs, policy, policy.layout(this_machine(), 4, Cut()), assassin)
    assert not workers()
    return run, assassin


@pytest.mark.thorough
def test_a_killed_worker_costs_its_job_and_no_other(killed: tuple[ExecutedRun, Assassin]) -> None:
    """The slot gets a fresh worker when one dies at work, and also when one dies idle."""
    run, assassin = killed
    assert len(assassin.killed) == 2
    states = {job.id: job.state for job in run.summary.jobs}
    assert states == {
        "victim": "failed",
        "second": "done",
        "third": "done",
        "forgotten": "queued",
    }
    why = (assassin.folder / "failures" / "victim.txt").read_text()
    assert why == f"{run.summary.job('victim').error}\n"
    saved = sorted(path.name for path in assassin.folder.glob("models/*"))
    assert saved == ["second.pt", "third.pt"]


@pytest.mark.thorough
def test_a_killed_worker_keeps_what_it_reported(killed: tuple[ExecutedRun, Assassin]) -> None:
    run, assassin = killed
    victim = run.summary.job("victim")
    assert victim.error is not None
    assert victim.error.startswith(f"worker {assassin.killed[0]} was killed by SIGKILL")
    assert 3 < victim.steps < LONG
    train = run.timeline.select(kind="train", job="victim")
    assert sum(row.steps for row in train) == pytest.approx(victim.steps - 3)
    assert all(device.busy_fraction > 0 for device in run.summary.devices)


def test_sequential_jobs_follow_each_other_on_all_cores(
    killed: tuple[ExecutedRun, Assassin],
) -> None:
    run, _ = killed
    assert {booking.cores for booking in run.bookings} == {this_machine().cores}
    ran = run.summary.jobs[:3]
    assert {job.threads for job in ran} == {len(this_machine().cores)}
    for before, after in itertools.pairwise(ran):
        assert after.start_s >= before.end_s - 1e-3


@pytest.mark.thorough
def test_a_job_that_the_policy_forgets_ends_the_run(killed: tuple[ExecutedRun, Assassin]) -> None:
    """It would wait for ever; what the others did is kept."""
    run, _ = killed
    assert isinstance(run.failure, RunFailed)
    assert str(run.failure) == "the policy leaves jobs waiting on an idle machine: forgotten"


class Faulty(AllAtOnce):
    """Does well until the first job is done."""

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        if any(job.state == "done" for job in view.jobs.values()):
            raise ArithmeticError("a mistake in the policy")
        return super().decide(view)


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory, data: None) -> ExecutedRun:
    """Three jobs at once, until the first is done."""
    jobs = [tiny("first", steps=60), tiny("second", steps=LONG), tiny("third", steps=LONG)]
    policy = Faulty()
    layout = policy.layout(this_machine(), 3, Cut())
    run = execute(tmp_path_factory.mktemp("broken"), jobs, policy, layout)
    assert not workers()
    return run


@pytest.mark.thorough
def test_a_policy_that_raises_ends_the_run_and_loses_no_record(broken: ExecutedRun) -> None:
    assert isinstance(broken.failure, PolicyFailed)
    assert isinstance(broken.failure.error, ArithmeticError)
    assert not broken.interrupted
    states = [job.state for job in broken.summary.jobs]
    assert states == ["done", "interrupted", "interrupted"]
    assert all(job.steps >= 1 for job in broken.summary.jobs)


@pytest.mark.thorough
def test_all_at_once_trains_all_together_on_a_core_each(broken: ExecutedRun) -> None:
    cores = this_machine().cores
    assert [job.slot for job in broken.summary.jobs] == [0, 1, 2]
    assert [booking.cores for booking in broken.bookings] == [
        (cores[slot % len(cores)],) for slot in range(3)
    ]
    together_s = min(job.end_s for job in broken.summary.jobs)
    assert max(job.start_s for job in broken.summary.jobs) < together_s


def test_a_worker_that_cannot_start_is_a_failure_with_a_place_to_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise ImportError('no torch today')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    run = execute(tmp_path / "run", [tiny("first")])
    assert isinstance(run.failure, RunFailed)
    assert "no torch today" in str(run.failure)
    assert [job.state for job in run.summary.jobs] == ["queued"]
    assert run.summary.makespan_s == 0
    assert not workers()
