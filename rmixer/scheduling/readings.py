"""What a clock can read of a run while it goes on."""

from __future__ import annotations

from typing import Protocol


class Readings(Protocol):
    """What a clock can read of the run while it goes on. ``reads_memory`` says whether memory is
    measured; if not, what is in use is what the jobs hold at their peaks."""

    reads_memory: bool

    def steps_made(self, job: str) -> float:
        """The steps that a running job has made, the one under way by its share."""
        ...

    def measured_bytes(self, device: str) -> int | None:
        """What is in use of the memory of ``device``; None if nothing measures it."""
        ...

    def others_bytes(self, device: str) -> int | None:
        """What of it others than this run's jobs hold now; None if nothing measures it."""
        ...
