"""What policies see of a profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class DeviceCost:
    """What a job costs on one kind of device, from its profile.

    ``utilisation`` is the share of the device that it keeps busy alone, ``job_type`` one of
    compute, memory, low; ``bandwidth`` and ``occupancy`` are the shares of its memory bandwidth and
    of its multiprocessors, None if nothing is known. By the count of threads, alone: ``step_s`` is
    its mean step, ``before_s`` what it takes to build and to warm up, ``after_s`` to evaluate and
    to save, ``between_s`` what it takes between two training steps on average: evaluations and
    checkpoints that the job asks for. The first ``warmup_steps`` are made while it warms up. Of
    ``peak_bytes`` the driver of a GPU holds ``context_bytes`` for the process, whether it trains or
    not.
    """

    peak_bytes: int
    utilisation: float
    job_type: Literal["compute", "memory", "low"]
    step_s: Mapping[int, float]
    before_s: Mapping[int, float] = field(default_factory=dict)
    after_s: Mapping[int, float] = field(default_factory=dict)
    warmup_steps: int = 0
    bandwidth: float | None = None
    occupancy: float | None = None
    between_s: Mapping[int, float] = field(default_factory=dict)
    context_bytes: int = 0

    def alone_s(self, steps: int, threads: int) -> float:
        """Seconds that a job of ``steps`` steps takes alone on ``threads`` threads, from build to
        save. Raises :class:`KeyError` for a count of threads that was not profiled."""
        trained = max(0, steps - self.warmup_steps)
        around_s = self.before_s.get(threads, 0.0) + self.after_s.get(threads, 0.0)
        return around_s + trained * (self.step_s[threads] + self.between_s.get(threads, 0.0))
