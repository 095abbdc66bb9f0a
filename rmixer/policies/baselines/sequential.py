"""One job at a time: what most people do today."""

from __future__ import annotations

from collections.abc import Sequence

from rmixer.hardware.machine import Machine
from rmixer.scheduling.layout import Cut, DeviceSlots, Layout
from rmixer.scheduling.policy import Policy
from rmixer.scheduling.view import ClusterView, Dispatch


class Sequential(Policy):
    """One job at a time in order of submission, with all host threads and the first device."""

    name = "sequential"
    source = "baseline"

    def layout(self, machine: Machine, jobs: int, cut: Cut) -> Layout:
        device = machine.devices[0].name
        return Layout((DeviceSlots(device, slots=1, threads=len(machine.cores)),))

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        device = next(iter(view.devices.values()))
        job = next(view.waiting(), None)
        if job is None or device.residents or not device.fits(job):
            return ()
        return (Dispatch(job.id, (device.name,)),)
