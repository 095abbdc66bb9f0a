"""The part of a profile that policies see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class DeviceCost:
    """The cost of a job on one kind of device, from its profile.

    ``utilisation`` is the share of the device that it keeps busy alone; ``bandwidth`` and
    ``occupancy`` are its shares of the device's memory bandwidth and multiprocessors (None:
    unknown). By number of threads, alone: ``step_s`` is the mean step, ``before_s`` the time to
    build and warm up, ``after_s`` to evaluate and save, ``between_s`` the mean time between two
    training steps for the evaluations and checkpoints that the job asks for. The warm-up does the
    first ``warmup_steps``. Of ``peak_bytes`` a GPU's driver holds ``context_bytes`` for the
    process, even while it does not train.
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
