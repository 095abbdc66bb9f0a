"""Slots of GPUs whose jobs train on the CPU: for tests and dry runs without a GPU."""

from __future__ import annotations

from executor.workers.warm_processes import WarmProcesses
from executor.workers.workers import Place


class StandInGpus(WarmProcesses):
    """The same workers with the same environments, but none trains on a GPU."""

    def is_on_gpu(self, place: Place) -> bool:
        """Always False."""
        return False
