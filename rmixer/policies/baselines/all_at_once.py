"""Every job started at once, memory permitting: what an impatient user does."""

from __future__ import annotations

from collections.abc import Sequence

from rmixer.hardware.machine import Machine
from rmixer.scheduling.layout import Cut, DeviceSlots, Layout
from rmixer.scheduling.policy import Policy
from rmixer.scheduling.view import ClusterView, Dispatch


class AllAtOnce(Policy):
    """All jobs at once with a thread each, memory permitting; host cores and GPUs in turn."""

    name = "all_at_once"
    source = "baseline"

    def layout(self, machine: Machine, jobs: int, cut: Cut) -> Layout:
        gpus = [device.name for device in machine.devices if device.kind == "gpu"]
        chosen = gpus or [machine.devices[-1].name]
        each = -(-jobs // len(chosen))
        return Layout(tuple(DeviceSlots(name, each, 1) for name in chosen), in_turn=True)

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        for job in view.waiting():
            fitting = [device for device in view.devices.values() if device.fits(job)]
            if fitting:
                device = min(fitting, key=lambda device: len(device.residents))
                return (Dispatch(job.id, (device.name,)),)
        return ()
