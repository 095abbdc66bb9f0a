"""What policies see of a profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class DeviceCost:
    """What a job costs on one kind of device, from its profile.

    ``utilisation`` is the share of the device that it keeps busy alone, ``job_type`` one of
    compute, memory, low, ``step_s`` its mean step alone by thread count.
    """

    peak_bytes: int
    utilisation: float
    job_type: Literal["compute", "memory", "low"]
    step_s: Mapping[int, float]
