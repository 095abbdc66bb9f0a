"""What the workers of a run are asked between two jobs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from executed_workloads import execute, this_machine, tiny

from executor.workers.pool import WorkerPool
from rmixer.data.prepare import prepare
from rmixer.errors import WorkerLost
from rmixer.scheduling.layout import DeviceSlots, Layout
from rmixer.training.process import WorkerProcess

PLACE = ("cpu:0", 0)
CLOCK = "rmixer.training.worker:clock"
BOTH = Layout((DeviceSlots("cpu:0", 1, 2),))
ALONE = Layout((DeviceSlots("cpu:0", 1, 1),))
SHARED = Layout((DeviceSlots("cpu:0", 1, 2),), in_turn=True)

two_cores = pytest.mark.skipif(len(this_machine().cores) < 2, reason="needs two cores")


@contextmanager
def pool(layout: Layout, folder: Path) -> Iterator[WorkerPool]:
    workers = WorkerPool(this_machine(), layout, folder)
    workers.start()
    try:
        yield workers
    finally:
        workers.stop(0.5)


@pytest.fixture
def cold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are there at once and not warm: they import torch when a task needs it."""
    start = WorkerProcess.start

    def started(worker: WorkerProcess, task: str, **arguments: object) -> None:
        is_warm_up = task == "rmixer.training.worker:warm"
        start(worker, CLOCK if is_warm_up else task, **({} if is_warm_up else arguments))

    monkeypatch.setattr(WorkerProcess, "start", started)
    monkeypatch.setattr(WorkerProcess, "warm_up", WorkerProcess.settle_clock)


@two_cores
@pytest.mark.usefixtures("cold")
def test_threads_on_cores_of_their_own_exchange_data(tmp_path: Path) -> None:
    with pool(BOTH, tmp_path) as workers:
        (taken_us,) = workers.exchange_us(PLACE)
        assert taken_us > 1.0
        workers[PLACE].kill()
        with pytest.raises(WorkerLost):
            workers.exchange_us(PLACE)
        workers.replace_ended(())
        assert len(workers.exchange_us(PLACE)) == 1


@pytest.mark.usefixtures("cold")
@pytest.mark.parametrize("layout", [ALONE, pytest.param(SHARED, marks=two_cores)])
def test_one_thread_or_shared_cores_are_not_asked(layout: Layout, tmp_path: Path) -> None:
    with pool(layout, tmp_path) as workers:
        assert workers.exchange_us(PLACE) == ()


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
