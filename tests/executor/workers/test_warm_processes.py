"""What the workers of a run are asked between two jobs."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from executed_workloads import execute, this_machine, tiny

from executor.workers.warm_processes import WarmProcesses
from executor.workers.workers import CoresExchanged, Event, JobFailed, TrainingOrder
from rmixer.data.prepare import prepare
from rmixer.errors import WorkerLost
from rmixer.policies.baselines.simple import Sequential
from rmixer.scheduling.layout import DeviceSlots, Layout
from rmixer.scheduling.view import ClusterView, Dispatch
from rmixer.training.job_files import JobFiles
from rmixer.training.process import WorkerProcess

PLACE = ("cpu:0", 0)
CLOCK = "rmixer.training.worker:clock"
BOTH = Layout((DeviceSlots("cpu:0", 1, 2),))
ALONE = Layout((DeviceSlots("cpu:0", 1, 1),))
SHARED = Layout((DeviceSlots("cpu:0", 1, 2),), in_turn=True)

two_cores = pytest.mark.skipif(len(this_machine().cores) < 2, reason="needs two cores")


@contextmanager
def warm_processes(layout: Layout, folder: Path) -> Iterator[WarmProcesses]:
    workers = WarmProcesses(this_machine(), layout, folder)
    workers.open()
    try:
        yield workers
    finally:
        workers.close(0.5)


@pytest.fixture
def cold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are there at once and not warm: they import torch when a task needs it."""
    start = WorkerProcess.start

    def started(worker: WorkerProcess, task: str, **arguments: object) -> None:
        is_warm_up = task == "rmixer.training.worker:warm"
        start(worker, CLOCK if is_warm_up else task, **({} if is_warm_up else arguments))

    monkeypatch.setattr(WorkerProcess, "start", started)
    monkeypatch.setattr(WorkerProcess, "warm_up", WorkerProcess.settle_clock)


def kinds(events: list[Event]) -> list[type[Event]]:
    return [type(event) for event in events]


def order(workers: WarmProcesses, folder: Path, **changes: Any) -> TrainingOrder:
    cores = this_machine().cores[: len(workers._workers[PLACE].cores)]
    return replace(
        TrainingOrder(PLACE, tiny("a"), cores, JobFiles(str(folder / "a.pt"))), **changes
    )


@two_cores
@pytest.mark.thorough
@pytest.mark.usefixtures("cold", "rmixer_home")
def test_threads_on_cores_of_their_own_exchange_data(tmp_path: Path) -> None:
    with warm_processes(BOTH, tmp_path) as workers:
        workers.start(order(workers, tmp_path))
        (exchanged,) = workers.events()
        assert isinstance(exchanged, CoresExchanged)
        assert exchanged.taken_us > 1.0
        os.kill(workers._workers[PLACE].pid, signal.SIGKILL)
        workers.wait(5.0)
        assert kinds(workers.events()) == [JobFailed]
        workers.start(order(workers, tmp_path))
        (lost,) = workers.events()
        assert isinstance(lost, JobFailed)
        assert isinstance(lost.failure, WorkerLost)
        workers.replace_ended()
        workers.start(order(workers, tmp_path))
        workers.wait(60.0)  # until the fresh one is warm
        assert kinds(workers.events()) == [CoresExchanged]


@pytest.mark.usefixtures("cold", "rmixer_home")
@pytest.mark.parametrize("layout", [ALONE, pytest.param(SHARED, marks=two_cores)])
def test_one_thread_or_shared_cores_are_not_asked(layout: Layout, tmp_path: Path) -> None:
    with warm_processes(layout, tmp_path) as workers:
        workers.start(order(workers, tmp_path))
        assert CoresExchanged not in kinds(workers.events())


@pytest.mark.thorough
@two_cores
@pytest.mark.usefixtures("rmixer_home")
def test_a_job_takes_fewer_threads_than_its_slot_has(tmp_path: Path) -> None:
    """And trains the same weights as on a slot of one thread; the next job has all again."""
    prepare("criteo_kaggle", "synthetic")
    jobs = [tiny("narrow"), tiny("second")]
    executed = execute(tmp_path / "wide", jobs, OneIsNarrow(), BOTH)
    first, second = executed.summary.jobs
    assert (first.state, second.state) == ("done", "done")
    assert (first.threads, second.threads) == (1, 2)
    assert (first.exchange_us is None, second.exchange_us is None) == (True, False)
    execute(tmp_path / "alone", [tiny("narrow")], "sequential", ALONE)
    wide, alone = (
        torch.load(tmp_path / run / "models" / "narrow.pt", weights_only=True)
        for run in ("wide", "alone")
    )
    assert all(torch.equal(wide[name], alone[name]) for name in alone)


class OneIsNarrow(Sequential):
    """One job at a time; the one called ``narrow`` with one thread."""

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        return [
            replace(each, threads=1 if each.job == "narrow" else None)
            for each in super().decide(view)
        ]


@pytest.mark.thorough
@two_cores
@pytest.mark.usefixtures("rmixer_home")
def test_a_job_is_told_the_mean_of_before_and_after(tmp_path: Path) -> None:
    prepare("criteo_kaggle", "synthetic")
    executed = execute(tmp_path, [tiny("wide")], "sequential", BOTH)
    (wide,) = executed.summary.jobs
    assert wide.state == "done"
    assert wide.exchange_us is not None
    assert wide.exchange_us > 1.0
    (narrow,) = execute(tmp_path, [tiny("narrow")], "sequential", ALONE).summary.jobs
    assert narrow.exchange_us is None
