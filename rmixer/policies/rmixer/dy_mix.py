"""RMixer's ``dyMix``: the GPU and the CPU at once."""

from __future__ import annotations

from collections.abc import Sequence

from rmixer.policies.rmixer.device_rules import least_booked, with_free_slot
from rmixer.policies.rmixer.job_rules import of_another_type
from rmixer.scheduling.policy import Policy
from rmixer.scheduling.view import ClusterView, DeviceView, Dispatch, JobView


class DyMix(Policy):
    """By utilisation, largest first: the front to the GPU by type, the far end to the CPU.

    With n jobs that have arrived, G GPU slots and C CPU slots: the GPU takes the first job whose
    type differs from the most common there. If it takes none, and fewer than n - beta G jobs have
    ended, the CPU takes the last job that fits, if its place in the order of all n jobs (from 0) is
    at least n G / (G + C). Where this would leave jobs waiting on an idle machine, the CPU takes
    the last job that fits whatever the rest says, and if there is none the other GPUs are tried.
    """

    name = "dyMix"
    source = "RMixer (TPDS 2024)"
    needs = ("job_type", "peak_bytes", "utilisation")

    def __init__(self, seed: int = 0, beta: float = 4.0) -> None:
        super().__init__(seed)
        self.beta = beta

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        gpus = with_free_slot(view, "gpu")
        named, cpu = least_booked(gpus), least_booked(with_free_slot(view, "cpu"))
        found = _on_gpu(view, named) or (() if cpu is None else self._on_cpu(view, cpu))
        if found or any(device.residents or device.settling for device in view.devices.values()):
            return found
        others = (gpu for gpu in gpus if gpu != named)
        return next(filter(None, (_on_gpu(view, gpu) for gpu in others)), ())

    def _on_cpu(self, view: ClusterView, cpu: DeviceView) -> Sequence[Dispatch]:
        jobs = sorted((j for j in view.waiting() if cpu.fits(j)), key=_utilisation)
        if not jobs:
            return ()
        slots = {"gpu": 0, "cpu": 0}
        running, settling = 0, False
        for device in view.devices.values():
            slots[device.kind] += device.slots
            running += len(device.residents)
            settling |= device.settling
        if running or settling:
            n, gpu_slots = len(view.jobs), slots["gpu"]
            if not n - len(view.queued) - running < n - self.beta * gpu_slots:
                return ()
            order = [job.id for job in sorted(view.jobs.values(), key=_utilisation)]
            place = order.index(jobs[-1].id)
            if not place >= n * gpu_slots / (gpu_slots + slots["cpu"]):
                return ()
        return (Dispatch(jobs[-1].id, (cpu.name,)),)


def _on_gpu(view: ClusterView, gpu: DeviceView | None) -> Sequence[Dispatch]:
    if gpu is None or gpu.settling:
        return ()
    jobs = sorted((job for job in view.waiting() if gpu.fits(job)), key=_utilisation)
    return of_another_type(view, gpu, jobs)


def _utilisation(job: JobView) -> float:
    """One order for both kinds: by the utilisation of a GPU, if the job can run on one."""
    return -(job.costs.get("gpu") or job.costs["cpu"]).utilisation
