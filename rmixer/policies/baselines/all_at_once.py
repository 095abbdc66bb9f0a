"""Starts every job at once, memory permitting, as an impatient user does."""

from __future__ import annotations

from collections.abc import Sequence

from rmixer.hardware.machine import Machine
from rmixer.scheduling.devices import devices_with_slots
from rmixer.scheduling.layout import Cut, DeviceSlots, Layout
from rmixer.scheduling.policy import Policy
from rmixer.scheduling.view import ClusterView, Dispatch


class AllAtOnce(Policy):
    """Starts all jobs at once with a thread each, memory permitting; host cores and GPUs in
    turn."""

    name = "all_at_once"
    source = "baseline"

    def layout(self, machine: Machine, jobs: int, cut: Cut) -> Layout:
        chosen = devices_with_slots(machine)
        each = -(-jobs // len(chosen))
        return Layout(tuple(DeviceSlots(device.name, each, 1) for device in chosen), in_turn=True)

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        for job in view.waiting():
            fitting = [device for device in view.devices.values() if device.fits(job)]
            if fitting:
                device = min(fitting, key=lambda device: len(device.residents))
                return (Dispatch(job.id, (device.name,)),)
        return ()
