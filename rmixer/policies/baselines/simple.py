"""The simple ways to run a queue: what people do without a scheduler."""

from __future__ import annotations

from collections.abc import Sequence

from rmixer.hardware.machine import Machine
from rmixer.policies.rounds import Rounds
from rmixer.scheduling.devices import devices_with_slots
from rmixer.scheduling.layout import Cut, DeviceSlots, Layout, even_layout
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


class Mps(Rounds):
    """As many consecutive jobs on each GPU as it has slots, in rounds, with no memory check.

    Jobs that do not fit run out of memory: its schedule is only predicted to work if the peaks of
    jobs that run together fit.
    """

    name = "mps"
    source = "baseline"
    memory = "none"

    def add(self, view: ClusterView) -> Sequence[Dispatch]:
        for device in view.devices.values():
            job = next((job for job in view.waiting() if device.fits(job, self.memory)), None)
            if job is not None:
                return (Dispatch(job.id, (device.name,)),)
        return ()


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
