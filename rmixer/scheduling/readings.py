"""Readings of a run while it goes on."""

from __future__ import annotations

from typing import Protocol


class Readings(Protocol):
    """Readings of the run while it goes on. ``reads_memory`` is true if memory is measured; if not,
    the bytes in use are the peaks of the jobs."""

    reads_memory: bool

    def steps_made(self, job: str) -> float:
        """The steps of a running job that are done; the present one counts by its share."""

    def measured_bytes(self, device: str) -> int | None:
        """The bytes in use of the memory of ``device``; None if it is not measured."""

    def others_bytes(self, device: str) -> int | None:
        """The bytes of it that others than this run's jobs hold now; None if not measured."""
