"""What is in use of a GPU's memory beside the jobs, by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from executed_workloads import MIB, tiny
from gpu_machines import CONTEXT, PEAK, layout_of, problem_on, with_gpus

from executor.journal.transitions import Transition
from executor.records.known_job import written
from executor.records.run_records import RunRecords
from executor.supervision.execution import Execution
from executor.supervision.real_readings import RealReadings
from profiles.machines import limits
from rmixer.files.typed_files import plain
from rmixer.policies import make_policy
from rmixer.scheduling.booking import Booking
from rmixer.scheduling.cluster import Cluster

BEFORE = 512 * MIB


class Meter:
    """A GPU of which ``used`` bytes are in use; the driver says of each process what it holds."""

    def __init__(self, used: int, held: dict[int, int]) -> None:
        self.used, self.held = used, held

    def used_bytes(self) -> int:
        return self.used

    def bytes_by_process(self) -> dict[int, int]:
        return self.held


class Workers:
    """Processes 11, with a child 12, and 21 on the GPU; those of the CPU hold 96 MiB."""

    def processes(self, device: str) -> Sequence[Sequence[int]]:
        return [[11, 12], [21]] if device == "gpu:0" else []

    def memory_bytes(self, device: str) -> int:
        return 96 * MIB if device == "cpu:0" else 10_000 * MIB


def readings(meter: Meter | None, running: int) -> tuple[RealReadings, Execution]:
    """Of a run of two slots of a GPU and one of the CPU, in which so many jobs run on the GPU."""
    jobs = [tiny("a"), tiny("b")]
    problem, layout = problem_on(with_gpus(), *jobs), layout_of(2, 1)
    used = {} if meter is None else {"gpu:0": BEFORE}
    execution = Execution(problem, make_policy("dySequ"), layout, Path(), used_bytes=used)
    records = RunRecords()
    records.apply(Transition("added", 0.0, detail=written(problem.jobs, late=False)))
    for slot, job in enumerate(jobs[:running]):
        booking = Booking(slot, job.id, ("gpu:0",), slot, (slot,), "device", "", 1, 0)
        detail = {"booking": plain(booking)}
        records.apply(Transition("dispatched", 0.0, job.id, 1, detail))
    workers: Any = Workers()
    return RealReadings(execution, records, workers, lambda number: meter), execution  # type: ignore[arg-type,return-value]


NAMED = {11: 30 * MIB, 12: 2 * MIB, 21: 1000 * MIB, 99: 640 * MIB}


@pytest.mark.parametrize(
    ("used", "held", "running", "others"),
    [
        # Each process is named: others hold the rest, whoever of ours is idle.
        (1952 * MIB, NAMED, 1, 920 * MIB),
        (1952 * MIB, NAMED, 0, 920 * MIB),
        # None is: as much as before the run, ...
        (2000 * MIB, {}, 2, BEFORE),
        (2000 * MIB, {}, 0, 2000 * MIB - 2 * CONTEXT),
        # ... or what two jobs at 1.2 x 1000 MiB cannot hold.
        (4000 * MIB, {99: MIB}, 2, 1600 * MIB),
        (4000 * MIB, {21: MIB}, 2, 1600 * MIB),
    ],
)
def test_what_others_hold_of_a_gpu(
    used: int, held: dict[int, int], running: int, others: int
) -> None:
    found, _ = readings(Meter(used, held), running)
    assert PEAK == 1000 * MIB
    assert found.measured_bytes("gpu:0") == used
    measured = found.others_bytes("gpu:0")
    assert measured == pytest.approx(others, abs=16 * MIB)


def test_where_the_driver_tells_nothing() -> None:
    found, _ = readings(None, 1)
    assert (found.measured_bytes("gpu:0"), found.others_bytes("gpu:0")) == (None, None)


def test_on_the_cpu_only_jobs_of_its_slots_are_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a worker of a GPU's slot holds there no job is booked for."""
    monkeypatch.setattr(limits, "used_memory_bytes", lambda: 736 * MIB)
    found, _ = readings(None, 1)
    assert found.others_bytes("cpu:0") == 640 * MIB


def test_it_is_read_again_at_each_admission() -> None:
    """A job of 1.2 x 1000 MiB does not fit a GPU that others have filled since, and does again."""
    meter = Meter(BEFORE, {11: 0, 21: 0})
    reads, execution = readings(meter, 0)
    machine = execution.problem.machine
    cluster = Cluster(machine, execution.layout, None, execution.used_bytes, reads)
    cluster.expect(execution.problem.jobs)
    (job, _) = execution.problem.jobs
    cluster.submit(job.job, job.key, {"gpu": job.costs["gpu"]})
    meter.used = 16384 * MIB - CONTEXT - 1100 * MIB
    policy = make_policy("dySequ")
    assert cluster.decide(policy, 0.0) == []
    assert cluster.is_crowded
    meter.used -= 2000 * MIB
    assert [each.devices for each in cluster.decide(policy, 1.0)] == [("gpu:0",)]
