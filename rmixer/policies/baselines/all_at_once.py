"""Every job started at once, memory permitting: what an impatient user does."""

from __future__ import annotations

from collections.abc import Sequence

from rmixer.hardware.machine import Machine
from rmixer.scheduling.devices import devices_with_slots
from rmixer.scheduling.layout import DeviceSlots, Layout
from rmixer.scheduling.policy import Policy
from rmixer.scheduling.view import ClusterView, Dispatch


class AllAtOnce(Policy):
    """Jobs in order of submission, one thread each, host cores and GPUs taken in turn."""

    name = "all_at_once"

    def layout(self, machine: Machine, jobs: int, slots: int, threads: int) -> Layout:
        chosen = devices_with_slots(machine)
        each = -(-jobs // len(chosen))
        return Layout(tuple(DeviceSlots(found.name, each, 1) for found in chosen), in_turn=True)

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        for job in view.waiting():
            fitting = [device for device in view.devices.values() if device.fits(job)]
            if fitting:
                device = min(fitting, key=lambda device: len(device.residents))
                return (Dispatch(job.id, (device.name,)),)
        return ()
