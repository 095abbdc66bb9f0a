"""RMixer's ``dyMix``: the GPU and the CPU at once."""

from __future__ import annotations

from collections.abc import Sequence

from rmixer.policies.rmixer.device_rules import least_booked
from rmixer.policies.rmixer.job_rules import last_that_fits, of_another_type
from rmixer.scheduling.policy import Policy
from rmixer.scheduling.view import ClusterView, DeviceView, Dispatch, JobView


class DyMix(Policy):
    """By utilisation, largest first: the front to the GPU by type, the far end to the CPU.

    With n jobs that have arrived, G GPU slots and C CPU slots: the GPU takes the first job whose
    type differs from the most common there. If it takes none, and fewer than n - beta G jobs have
    ended, the CPU takes the last job that fits, if its place in the order of all n jobs (from 0) is
    at least n G / (G + C). If this would leave jobs waiting on an idle machine, the CPU takes
    the last job that fits in any case, and if there is none the other GPUs are tried.
    """

    name = "dyMix"
    source = "RMixer (TPDS 2024)"
    needs = ("job_type", "peak_bytes", "utilisation")

    def __init__(self, seed: int = 0, beta: float = 4.0) -> None:
        super().__init__(seed)
        self.beta = beta

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        gpus = view.with_free_slot("gpu")
        named, cpu = least_booked(gpus), least_booked(view.with_free_slot("cpu"))
        found = _on_gpu(view, named) or (() if cpu is None else self._on_cpu(view, cpu))
        if found or any(device.residents or device.settling for device in view.devices.values()):
            return found
        others = (gpu for gpu in gpus if gpu != named)
        return next(filter(None, (_on_gpu(view, gpu) for gpu in others)), ())

    def _on_cpu(self, view: ClusterView, cpu: DeviceView) -> Sequence[Dispatch]:
        job = last_that_fits(view, cpu, _utilisation)
        if job is None:
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
            own = (*_utilisation(job), job.order)
            place = sum((*_utilisation(other), other.order) < own for other in view.jobs.values())
            if not place >= n * gpu_slots / (gpu_slots + slots["cpu"]):
                return ()
        return (Dispatch(job.id, (cpu.name,)),)


def _on_gpu(view: ClusterView, gpu: DeviceView | None) -> Sequence[Dispatch]:
    if gpu is None or gpu.settling:
        return ()
    return of_another_type(view, gpu, _utilisation)


def _utilisation(job: JobView, _kind: str = "") -> tuple[float, ...]:
    """One order for both kinds: by the utilisation of a GPU, if the job can run on one."""
    return (-(job.costs.get("gpu") or job.costs["cpu"]).utilisation,)
