"""What a job on a GPU is promised, and what it was seen to hold, by workers that do as told."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from executed_workloads import MIB, tiny
from gpu_machines import CONTEXT, PEAK, layout_of, problem_on, with_gpus

from executor.supervision.execution import Execution
from executor.supervision.supervisor import Supervisor
from executor.workers.workers import Event, JobEnded, JobFailed, TrainingOrder
from rmixer.policies import make_policy
from rmixer.training.task_failure import OutOfMemory


class Scripted:
    """Each order is answered at once: first its memory is refused, while it holds 9000 MiB of the
    host's; then it ends well, for which torch took 70 MiB of the GPU."""

    startup_s = 0.0

    def __init__(self) -> None:
        self.orders: list[TrainingOrder] = []
        self._happened: list[Event] = []

    def start(self, order: TrainingOrder) -> None:
        now_s = time.perf_counter()
        refused = OutOfMemory("CUDA out of memory", "CUDA out of memory", held_bytes=9000 * MIB)
        answer = {"interrupted": False, "peak_bytes": 9000 * MIB, "gpu_bytes": 70 * MIB}
        self._happened.append(
            JobEnded(order.place, now_s, answer)
            if self.orders
            else JobFailed(order.place, now_s, refused)
        )
        self.orders.append(order)

    def events(self) -> list[Event]:
        happened, self._happened = self._happened, []
        return happened

    def wait(self, timeout_s: float | None) -> None:
        if not self._happened:
            time.sleep(timeout_s or 0.0)

    def processes(self, device: str) -> list[list[int]]:
        return []

    def memory_bytes(self, device: str) -> int:
        return 0

    def cpu_seconds(self) -> float:
        return 0.0

    def open(self) -> None: ...

    def replace_ended(self) -> None: ...

    def close(self, grace_s: float) -> None: ...


def test_memory_that_a_gpu_refuses_is_promised_next_time(tmp_path: Path) -> None:
    """torch may take 1.5 times the promise, less the context. Then the promise is half as large
    again, whatever was seen of the host's memory; and what was measured is torch's and the
    context."""
    workers: Any = Scripted()
    problem, layout = problem_on(with_gpus(), tiny("a")), layout_of(1, 0)
    execution = Execution(problem, make_policy("dySequ"), layout, tmp_path)
    executed = Supervisor(execution, workers).execute()
    assert executed.failure is None
    (line,) = executed.summary.jobs
    assert (line.state, line.causes, line.attempt) == ("done", ("out_of_memory",), 2)
    promised = [PEAK, 1.5 * PEAK]
    limits = [order.most_gpu_bytes for order in workers.orders]
    assert limits == [1.5 * each - CONTEXT for each in promised]
    assert [order.promised_bytes for order in workers.orders] == [0, 0]
    assert executed.bookings[0].booked_bytes == round(1.2 * promised[1])
    assert line.peak_bytes == 70 * MIB + CONTEXT
    (device,) = executed.summary.devices
    assert (device.name, device.busy_fraction) == ("gpu:0", None)
    assert device.peak_bytes == 70 * MIB + CONTEXT
