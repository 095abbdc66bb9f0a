"""What the real clock reads of the run while it goes on."""

from __future__ import annotations

from executor.records.run_records import RunRecords
from executor.workers.workers import Workers
from profiles.machines import limits

GRAIN_BYTES = 32 << 20
"""What others hold is known to this: less changes all the time."""


class RealReadings:
    """See :class:`rmixer.scheduling.readings.Readings`."""

    reads_memory = True

    def __init__(self, records: RunRecords, workers: Workers) -> None:
        self._records, self._workers = records, workers

    def steps_made(self, job: str) -> float:
        """The steps that ``job`` has made, as far as they were told."""
        record = self._records.last(job)
        return float(record.steps) if record else 0.0

    def measured_bytes(self, device: str) -> int | None:
        """What all programs together use of the memory of ``device``; of a GPU nobody reads it."""
        return limits.used_memory_bytes() if device == "cpu:0" else None

    def others_bytes(self, device: str) -> int | None:
        """What others hold of the memory of ``device``, to a few MiB; of a GPU nobody reads it."""
        if device != "cpu:0":
            return None
        held = limits.used_memory_bytes() - self._workers.memory_bytes()
        return max(0, round(held / GRAIN_BYTES) * GRAIN_BYTES)
