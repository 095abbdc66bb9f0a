"""One job on each GPU at a time, in rounds."""

from __future__ import annotations

from collections.abc import Sequence

from rmixer.hardware.machine import Machine
from rmixer.policies.rounds import Rounds
from rmixer.scheduling.layout import Cut, Layout, even_layout
from rmixer.scheduling.view import ClusterView, Dispatch


class Monolithic(Rounds):
    """One job on each GPU in order of submission, in rounds: all wait for the slowest.

    The GPUs share the host's threads evenly. Without a GPU the CPU is the one device.
    """

    name = "monolithic"
    source = "baseline"

    def layout(self, machine: Machine, jobs: int, cut: Cut) -> Layout:
        devices = len(machine.gpus) or 1
        return even_layout(machine, 1, max(1, len(machine.cores) // devices))

    def add(self, view: ClusterView) -> Sequence[Dispatch]:
        for job in view.waiting():
            for device in view.devices.values():
                if not device.residents and device.fits(job):
                    return (Dispatch(job.id, (device.name,)),)
        return ()
