"""One job at a time: what most people do today."""

from __future__ import annotations

from collections.abc import Sequence

from rmixer.hardware.machine import Machine
from rmixer.scheduling.layout import Cut, DeviceSlots, Layout
from rmixer.scheduling.policy import Policy
from rmixer.scheduling.view import ClusterView, Dispatch


class Sequential(Policy):
    """One job at a time in order of submission, with all host threads: on the GPU if it can run
    there, else on the CPU."""

    name = "sequential"
    source = "baseline"

    def layout(self, machine: Machine, jobs: int, cut: Cut) -> Layout:
        first, *others = machine.devices
        used = [first, *(each for each in others if each.kind != first.kind)]
        threads = len(machine.cores)
        slots = tuple(DeviceSlots(device.name, 1, threads) for device in used)
        return Layout(slots, in_turn=len(slots) > 1)

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        job = next(view.waiting(), None)
        if job is None or any(device.residents for device in view.devices.values()):
            return ()
        able = (device for device in view.devices.values() if device.fits(job))
        return next(((Dispatch(job.id, (device.name,)),) for device in able), ())
