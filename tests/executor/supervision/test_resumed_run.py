"""A run whose supervisor is killed goes on where it was, and ends as if nothing had happened."""

from __future__ import annotations

import itertools
import signal
from pathlib import Path

import pytest
import torch
from executed_workloads import execute, tiny
from killed_runs import Killed

from executor.journal.journal import NAME, Journal
from executor.supervision.execution import ExecutedRun
from executor.supervision.observer import Observer
from rmixer.data.prepare import prepare
from rmixer.workload.workload import Job

STEPS = 1200
LONG = 10**6


@pytest.fixture(autouse=True, scope="module")
def data(rmixer_home: None) -> None:
    prepare("criteo_kaggle", "synthetic")


def queue(steps: int = STEPS) -> list[Job]:
    return [
        tiny("short"),
        tiny("long", steps=steps, seed=1),
        tiny("after", "criteo_deepfm", seed=2, steps=40),
    ]


def happened(journal: Journal, kind: str, job: str) -> int:
    return sum(t.kind == kind and t.job == job for t in journal.transitions())


def states(run: ExecutedRun) -> dict[str, str]:
    return {job.id: job.state for job in run.summary.jobs}


def weights(folder: Path, job: str) -> dict[str, torch.Tensor]:
    loaded: dict[str, torch.Tensor] = torch.load(folder / "models" / f"{job}.pt")
    return loaded


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, data: None) -> tuple[Path, Path]:
    """An undisturbed run, and one that is killed while it trains and then gone on with."""
    calm, hit = tmp_path_factory.mktemp("calm"), tmp_path_factory.mktemp("hit")
    execute(calm, queue())
    Killed(hit, queue(), lambda journal: happened(journal, "checkpointed", "long") > 0)
    return calm, hit


def test_a_killed_run_ends_with_the_same_weights(runs: tuple[Path, Path]) -> None:
    calm, hit = runs
    run = execute(hit, queue())
    assert states(run) == {"short": "done", "long": "done", "after": "done"}
    assert run.summary.interruptions == 1
    for job in ("short", "long", "after"):
        ours, theirs = weights(hit, job), weights(calm, job)
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs), job
    assert run.summary.job("long").attempt == 2
    assert run.summary.job("long").steps == STEPS == len(run.step_ends_s["long"])
    ends_s = list(run.step_ends_s["long"])
    assert ends_s == sorted(ends_s)
    with Journal(hit / NAME) as journal:
        ended = [
            t.job
            for t in journal.transitions()
            if t.kind == "ended" and t.detail["state"] == "done"
        ]
    assert sorted(ended) == ["after", "long", "short"]
    assert not list((hit / "checkpoints").glob("*"))
    rows = run.timeline.select(job="long")
    for before, after in itertools.pairwise(sorted(rows, key=lambda row: row.start_s)):
        assert after.start_s >= before.end_s - 1e-3


def test_what_is_done_is_not_run_again(runs: tuple[Path, Path]) -> None:
    """Nothing is left to do, so no worker is started."""
    calm, _ = runs

    class Nobody(Observer):
        def warming(self, workers: int) -> None:
            raise AssertionError

    run = execute(calm, queue(), observer=Nobody())
    assert run.failure is None
    assert {job.attempt for job in run.summary.jobs} == {1}
    assert run.summary.interruptions == 0
    assert run.summary.jobs[0].loss is not None


def test_one_signal_ends_in_order_and_loses_no_step(tmp_path: Path) -> None:
    class Once(Observer):
        def progress(self, job: str, steps: int) -> None:
            if job == "long" and steps > 30 and not self.asked:
                self.asked = True
                signal.raise_signal(signal.SIGINT)

        asked = False

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run = execute(tmp_path, queue(LONG), observer=Once())
    finally:
        signal.signal(signal.SIGINT, before)
    assert run.interrupted
    job = run.summary.job("long")
    assert job.state == "interrupted"
    with Journal(tmp_path / NAME) as journal:
        told = [t for t in journal.transitions() if t.kind == "checkpointed" and t.job == "long"]
    assert told[-1].detail["steps"] == job.steps > 30
