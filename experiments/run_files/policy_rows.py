"""One policy on one layout of one machine: a row of a comparison of policies."""

from __future__ import annotations

from dataclasses import dataclass

from rmixer.files.strict import Strict
from rmixer.scheduling.layout import Cut


@dataclass(frozen=True)
class PolicyRow(Strict):
    """One policy on one layout of a machine of ``gpus`` GPUs. ``speedup`` is over one job at a time
    on that machine. If it could not be simulated, it is None and ``why`` gives the reason."""

    workload: str
    machine: str
    gpus: int
    policy: str
    gpu_slots: int
    cpu_slots: int
    gpu_threads: int
    cpu_threads: int
    makespan_s: float | None = None
    speedup: float | None = None
    mean_completion_s: float | None = None
    p95_completion_s: float | None = None
    why: str = ""

    @property
    def cut(self) -> Cut:
        """Its slots and threads."""
        return Cut(self.gpu_slots, self.cpu_slots, self.gpu_threads, self.cpu_threads)

    @property
    def on_both(self) -> bool:
        """True if it has slots of the CPU as well as of GPUs."""
        return self.gpu_slots > 0 and self.cpu_slots > 0
