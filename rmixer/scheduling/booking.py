"""The result of a dispatch: a job with its place."""

from __future__ import annotations

from dataclasses import dataclass

from rmixer.model_profile.device_cost import DeviceCost
from rmixer.scheduling.layout import Sharing
from rmixer.scheduling.view import MEMORY_MARGIN, Barrier


@dataclass(frozen=True)
class Booking:
    """A dispatch that was carried out, with its slot, its host cores and its order."""

    order: int
    job: str
    devices: tuple[str, ...]
    slot: int
    cores: tuple[int, ...]
    placement: str
    tag: str
    attempt: int
    booked_bytes: int
    sharing: Sharing = "process"
    round: int = 0
    barrier: Barrier = "machine"


def booked_bytes(cost: DeviceCost) -> int:
    """The bytes of a device's memory that are booked for a job of that cost."""
    return round(MEMORY_MARGIN * cost.peak_bytes)
