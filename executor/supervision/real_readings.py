"""Readings of a run on the real clock."""

from __future__ import annotations

from collections.abc import Callable

from executor.records.run_records import RunRecords
from executor.supervision.execution import Execution
from executor.workers.workers import Workers
from profiles.machines import limits
from profiles.machines.gpu_meter import GpuMeter
from rmixer.hardware.machine import gpu_number
from rmixer.scheduling.admission import context_bytes
from rmixer.scheduling.view import MEMORY_MARGIN

GRAIN_BYTES = 32 << 20
"""The memory of others is rounded to this: less changes all the time."""


class RealReadings:
    """See :class:`rmixer.scheduling.readings.Readings`. ``meter`` opens a GPU by its number; it
    returns None if the driver has no figures for it."""

    reads_memory = True

    def __init__(
        self,
        execution: Execution,
        records: RunRecords,
        workers: Workers,
        meter: Callable[[int], GpuMeter | None] = GpuMeter.open,
    ) -> None:
        self._execution, self._records, self._workers = execution, records, workers
        numbers = {entry.device: gpu_number(entry.device) for entry in execution.layout.devices}
        self._meters = {
            name: meter(number) for name, number in numbers.items() if number is not None
        }

    def steps_made(self, job: str) -> float:
        """The steps that ``job`` has reported as done."""
        record = self._records.last(job)
        return float(record.steps) if record else 0.0

    def measured_bytes(self, device: str) -> int | None:
        """The memory of ``device`` that all programs together use; None if a GPU's driver does not
        say."""
        if device == "cpu:0":
            return limits.used_memory_bytes()
        meter = self._meters[device]
        return None if meter is None else meter.used_bytes()

    def others_bytes(self, device: str) -> int | None:
        """The memory of ``device`` that other programs hold, to a few MiB: neither jobs nor, on a
        GPU, idle workers, which the books know."""
        used_bytes = self.measured_bytes(device)
        if used_bytes is None:
            return None
        if device == "cpu:0":
            held = used_bytes - self._workers.memory_bytes(device)
        else:
            held = self._beside_jobs_bytes(device, used_bytes)
        return max(0, round(held / GRAIN_BYTES) * GRAIN_BYTES)

    def _beside_jobs_bytes(self, device: str, used_bytes: int) -> int:
        """The bytes on a GPU that no job holds. If the driver does not list the bytes of each
        process, as in a container, others hold what they held before the run, or more if the total
        exceeds what this run can hold."""
        running = [each for each in self._records.running if each.booking.devices[0] == device]
        slots = {entry.device: entry.slots for entry in self._execution.layout.devices}[device]
        ours_bytes = self._ours_bytes(device)
        if ours_bytes is not None:
            return max(0, used_bytes - ours_bytes)
        idle = slots - sum(each.job.command is None for each in running)
        booked = sum(MEMORY_MARGIN * each.predicted_bytes for each in running)
        idle_bytes = idle * context_bytes(self._records.jobs.values())
        return max(
            self._execution.used_bytes.get(device, 0), round(used_bytes - booked - idle_bytes)
        )

    def _ours_bytes(self, device: str) -> int | None:
        """The bytes that this run's processes hold on ``device``; None unless the driver lists all
        of them."""
        meter = self._meters[device]
        held = {} if meter is None else meter.bytes_by_process()
        workers = self._workers.processes(device)
        if not workers or not all(any(pid in held for pid in pids) for pids in workers):
            return None
        return sum(held.get(pid, 0) for pids in workers for pid in pids)
