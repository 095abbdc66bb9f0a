"""RMixer's device rules: pick the device first, then the job for it.

A rule names one device or none. If no job fits the named device, no other is tried. Device order is
GPUs, then CPUs; ties go to the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rmixer.scheduling.policy import Figure
from rmixer.scheduling.view import ClusterView, DeviceView

DeviceRule = Callable[[ClusterView], DeviceView | None]


def first_with_free_slot(view: ClusterView) -> DeviceView | None:
    """The first device in order that has a free slot."""
    free = view.with_free_slot("gpu") or view.with_free_slot("cpu")
    return free[0] if free else None


def fewest_jobs(view: ClusterView) -> DeviceView | None:
    """The GPU with the fewest running jobs that has a free slot; a CPU only if no GPU has one."""
    free = view.with_free_slot("gpu") or view.with_free_slot("cpu")
    return min(free, key=lambda device: len(device.residents), default=None)


def least_utilised(view: ClusterView) -> DeviceView | None:
    """The GPU with the lowest booked utilisation, even without a free slot; a CPU only if there is
    no GPU."""
    gpus = _of_kind(view, "gpu")
    return min(gpus or _of_kind(view, "cpu"), key=lambda d: d.booked_utilisation, default=None)


def most_free_memory(view: ClusterView) -> DeviceView | None:
    """The GPU with the most memory that is not booked and a free slot; then the CPU."""
    free = view.with_free_slot("gpu") or view.with_free_slot("cpu")
    return min(free, key=_booked_less_memory, default=None)


def least_booked(devices: Iterable[DeviceView]) -> DeviceView | None:
    """RMixer's ``dyMix``, of the devices of one kind: the one with the least booked memory."""
    return min(devices, key=lambda device: device.booked_bytes, default=None)


def _of_kind(view: ClusterView, kind: str) -> list[DeviceView]:
    return [device for device in view.devices.values() if device.kind == kind]


def _booked_less_memory(device: DeviceView) -> int:
    return device.booked_bytes - device.memory_bytes


DEVICE_RULES: dict[str, DeviceRule] = {
    "dySequ": first_with_free_slot,
    "dyWork": fewest_jobs,
    "dyArin": least_utilised,
    "dyMemo": most_free_memory,
}
RULE_NEEDS: dict[str, tuple[Figure, ...]] = {
    "dyArin": ("utilisation",),
    "dyMemo": ("peak_bytes",),
}
"""The figures of a job that each rule reads."""
