"""Which cores the workers of a profile are on, and that none outlives its turn."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

import psutil
import pytest

from profiles.machines import limits
from profiles.machines.bubble import Bubbles
from profiles.profiler.crew import GPU, PASSES, Crew, places
from rmixer.testing.made_up import make_machine
from rmixer.training.process import WorkerProcess


def test_workers_are_on_cores_of_their_own_as_far_as_there_are_enough() -> None:
    found = places(make_machine(cores=8), threads=(1, 2, 8))
    assert found == {
        ("cpu", 1): ((0,), (1,)),
        ("cpu", 2): ((2, 3), (4, 5)),
        ("cpu", 8): (tuple(range(8)),) * PASSES,
    }


def test_on_two_cores_each_has_one_worker_of_one_thread() -> None:
    assert places(make_machine(cores=2), threads=(1, 2)) == {
        ("cpu", 1): ((0,), (1,)),
        ("cpu", 2): ((0, 1), (0, 1)),
    }


def test_workers_of_a_gpu_are_on_cores_of_their_own_too() -> None:
    found = places(make_machine(cores=4, gpus=1), threads=(1, 4))
    assert (found["cpu", 1], found[GPU, 1]) == (((0,), (1,)), ((2,), (3,)))
    assert found["cpu", 4] == found[GPU, 4] == ((0, 1, 2, 3),) * PASSES
    (only,) = {cores for each in places(make_machine(1, 1), (1,)).values() for cores in each}
    assert only == (0,)


def test_workers_that_start_together_are_on_other_cores_again() -> None:
    """Three jobs of four workers each on twelve cores, and a fourth on the first again."""
    machine = make_machine(cores=12, gpus=1)
    found = [places(machine, (1, 12), number) for number in range(4)]
    alone = [core for each in found[:3] for at in ("cpu", GPU) for (core,) in each[at, 1]]
    assert sorted(alone) == list(range(12))
    assert found[3] == found[0]


def test_bubbles_face_a_job_from_the_last_core_on_and_take_its_own_last() -> None:
    bubbles = Bubbles.__new__(Bubbles)
    bubbles._workers = [_On(core) for core in range(5)]  # type: ignore[misc]
    turned = bubbles.facing((3, 0))
    assert [worker.cores[0] for worker in turned._workers] == [4, 2, 1, 3, 0]
    assert [worker.cores[0] for worker in bubbles._workers] == [0, 1, 2, 3, 4]


class _On:
    def __init__(self, core: int) -> None:
        self.cores = (core,)


@pytest.fixture
def crew() -> Crew:
    cores = limits.usable_cores()[:1]
    return Crew(replace(make_machine(cores=1), cores=cores), threads=(1,))


def test_fresh_workers_for_each_job_and_none_afterwards(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cold ones, which are there at once: that they are warmed is in every profile."""
    monkeypatch.setattr(WorkerProcess, "warm_up", lambda worker: None)
    with crew:
        ids: set[int] = set()
        for left in (2, 1):
            with crew.fresh(left) as staff:
                ((place, workers),) = staff.items()
                if left == 1:  # one that ends while it waits is replaced at its turn
                    os.kill(workers[1].pid, signal.SIGKILL)
                    workers[1].epitaph()
                    assert crew.living(staff, place, 0) is workers[0]
                    assert crew.living(staff, place, 1).call("rmixer.training.worker:clock") is None
                mine = {worker.pid for worker in workers}
                assert len(mine) == PASSES
                assert all(psutil.pid_exists(pid) for pid in mine)
            assert not ids & mine
            ids |= mine
    assert not any(psutil.pid_exists(pid) for pid in ids)
