"""RMixer's device rules: pick the device first, then the job for it.

A rule names one device or none; where no job fits on the device that it names, no other is
tried. Device order is GPUs, then CPUs; ties go to the first.
"""

from __future__ import annotations

from rmixer.scheduling.view import ClusterView, DeviceView


def first_with_free_slot(view: ClusterView) -> DeviceView | None:
    """RMixer's ``dySequ``: the first device in order that has a free slot."""
    return next((device for device in view.devices.values() if device.free_slots > 0), None)


DEVICE_RULES = {"dySequ": first_with_free_slot}
