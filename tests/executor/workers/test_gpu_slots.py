"""Slots of GPUs: what a worker of one sees, and what it does on a machine without."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from executed_workloads import MIB, tiny
from gpu_machines import CONTEXT, PEAK, execute_on, layout_of, problem_on, with_gpus
from program_jobs import program

from executor.workers.warm_processes import WarmProcesses
from executor.workers.workers import JobFailed, Place, TrainingOrder
from experiments.gpu_check.stand_ins import StandInGpus
from rmixer.data.prepare import prepare
from rmixer.policies import make_policy
from rmixer.run_record.run_summary import RunSummary
from rmixer.training.job_files import JobFiles
from rmixer.training.process import WorkerProcess
from sim import Uncontended, simulate

TASKS = Path(__file__).parents[2] / "rmixer" / "training"
CLOCK = "rmixer.training.worker:clock"
no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")


class Cold(WarmProcesses):
    """Workers are there at once and not warm."""

    def _warm(self, place: Place, worker: WorkerProcess) -> None:
        worker.start(CLOCK)


@pytest.fixture
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cold]:
    """Two slots of the second GPU of a machine of two, and a slot of its CPU."""
    monkeypatch.setenv("PYTHONPATH", str(TASKS))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-8f6d4c1e,MIG-0b1f4e52")
    machine = with_gpus(2)
    machine = replace(machine, gpus=(replace(machine.gpus[1], number=1),))
    layout = layout_of(2, 1)
    layout = replace(
        layout, devices=(replace(layout.devices[0], device="gpu:1"), *layout.devices[1:])
    )
    found = Cold(machine, layout, tmp_path)
    found.open()
    yield found
    found.close(0.5)


@no_gpu
def test_a_worker_sees_its_own_gpu_and_cores(workers: Cold, tmp_path: Path) -> None:
    """And one whose job has failed on a GPU is replaced."""
    seen = {
        place: worker.call("worker_tasks:surroundings")
        for place, worker in workers._workers.items()
    }
    visible = {place: each["environment"]["CUDA_VISIBLE_DEVICES"] for place, each in seen.items()}
    assert visible == {
        ("gpu:1", 0): "MIG-0b1f4e52",
        ("gpu:1", 1): "MIG-0b1f4e52",
        ("cpu:0", 0): "",
    }
    for (device, slot), each in seen.items():
        cores = workers._layout.cores(workers._machine, device, slot)
        assert each["affinity"] == list(cores)
    place = ("gpu:1", 0)
    files = JobFiles(str(tmp_path / "a.pt"))
    workers.start(TrainingOrder(place, tiny("a"), seen[place]["affinity"], files))
    workers.wait(60.0)
    (event,) = workers.events()
    assert isinstance(event, JobFailed)
    said = "a worker is to train on a GPU and finds none: torch "
    assert str(event.failure).strip().startswith(said)
    assert str(event.failure).strip().count("\n") == 0
    assert "CUDA_VISIBLE_DEVICES is 'MIG-0b1f4e52'" in str(event.failure)
    assert workers._workers[place].has_ended
    workers.replace_ended()
    assert not workers._workers[place].has_ended
    assert workers.processes("gpu:1")[0][0] != seen[place]["pid"]


@pytest.mark.thorough
@pytest.mark.usefixtures("rmixer_home")
@pytest.mark.parametrize(("memory_mib", "together"), [(2700, 1), (2900, 2)])
def test_contexts_of_idle_workers_are_admitted_alike_in_both_clocks(
    tmp_path: Path, memory_mib: int, together: int
) -> None:
    """Two slots' jobs of 1.2 x 1000 MiB, and 400 MiB of a third worker: 2800 MiB."""
    prepare("criteo_kaggle", "synthetic")
    machine = with_gpus()
    gpu = replace(machine.gpus[0], memory_bytes=memory_mib * MIB)
    problem = problem_on(replace(machine, gpus=(gpu,)), *(tiny(name, steps=60) for name in "abc"))
    layout = layout_of(3, 0)
    times = Uncontended(problem.profiles)
    predicted = simulate(problem, make_policy("dySequ"), layout, times).summary
    executed = execute_on(problem, make_policy("dySequ"), layout, tmp_path, StandInGpus).summary
    assert most_together(predicted) == most_together(executed) == together
    assert [line.state for line in executed.jobs] == ["done"] * 3


def most_together(summary: RunSummary) -> int:
    """How many jobs run when one starts, itself among them, at most."""
    jobs = [(line.start_s, line.end_s) for line in summary.jobs if line.start_s is not None]
    return max(sum(start_s <= at_s < end_s for start_s, end_s in jobs) for at_s, _ in jobs)


PRINTS = """
import os
import rmixer
for _ in range(3):
    rmixer.step()
print("sees", os.environ["CUDA_VISIBLE_DEVICES"])
"""


class Recording(StandInGpus):
    """Keeps the orders."""

    orders: dict[str, TrainingOrder]

    def start(self, order: TrainingOrder) -> None:
        self.orders[order.job.id] = order
        super().start(order)


@pytest.mark.thorough
@pytest.mark.usefixtures("rmixer_home")
def test_gpu_and_cpu_slots_in_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a program that wants a GPU, beside models; torch is told to take 1.5 times what the
    profile says, less what is the driver's."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    monkeypatch.setattr(Recording, "orders", {}, raising=False)
    prepare("criteo_kaggle", "synthetic")
    wants = program(tmp_path / "programs", "wants", PRINTS, steps=3)
    assert wants.command is not None
    wants = replace(wants, command=replace(wants.command, gpus=1))
    plain = program(tmp_path / "programs", "plain", PRINTS, steps=3)
    models = [tiny(name, steps=40) for name in "abcd"]
    problem = problem_on(with_gpus(), wants, plain, *models)
    executed = execute_on(problem, make_policy("dySequ"), layout_of(2, 1), tmp_path, Recording)
    assert executed.failure is None
    lines = {line.id: line for line in executed.summary.jobs}
    assert {line.state for line in lines.values()} == {"done"}, lines
    assert (lines["wants"].device, lines["plain"].device) == ("gpu:0", "cpu:0")
    assert {lines[job.id].device for job in models} == {"gpu:0", "cpu:0"}
    for name, line in lines.items():
        if name in Recording.orders:
            order = Recording.orders[name]
            on_gpu = line.device == "gpu:0"
            assert order.most_gpu_bytes == (1.5 * PEAK - CONTEXT if on_gpu else 0)
            assert order.promised_bytes == (0 if on_gpu else PEAK)
    lanes = {(row.device, row.lane) for row in executed.timeline if row.kind == "train"}
    assert lanes == {("gpu:0", "gpu"), ("cpu:0", "cpu")}
    busy = {device.name: device.busy_fraction for device in executed.summary.devices}
    assert set(busy) == {"gpu:0", "cpu:0"}
    assert busy["gpu:0"] is None
    assert busy["cpu:0"] is not None
    printed = {name: (tmp_path / "logs" / f"{name}.log").read_text() for name in ("wants", "plain")}
    assert "sees 7" in printed["wants"]
    assert "sees \n" in printed["plain"]


REFUSED = """
import pathlib, sys
import rmixer
rmixer.step()
tried = pathlib.Path("tried")
if not tried.exists():
    tried.write_text("once")
    sys.exit("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.")
"""


@pytest.mark.thorough
def test_memory_that_a_gpu_refuses_is_promised_next_time(tmp_path: Path) -> None:
    """Half as much again of the GPU's; 1.2 times that is booked."""
    wants = program(tmp_path / "programs", "wants", REFUSED, steps=1)
    assert wants.command is not None
    wants = replace(wants, command=replace(wants.command, gpus=1))
    problem = problem_on(with_gpus(), wants)
    executed = execute_on(problem, make_policy("dySequ"), layout_of(1, 1), tmp_path)
    (line,), (booking,) = executed.summary.jobs, executed.bookings
    assert (line.state, line.attempt, line.causes) == ("done", 2, ("out_of_memory",))
    assert booking.booked_bytes == round(1.2 * 1.5 * PEAK)
    assert line.peak_bytes == round(1.5 * PEAK)
