"""RMixer's ``dySequ``: by type, then by memory; the first that fits."""

from __future__ import annotations

from rmixer.policies.rmixer.dynamic import Dynamic
from rmixer.scheduling.view import DeviceView, JobView

TYPE_VALUE = {"compute": 1, "memory": 0, "low": -1}


class DySequ(Dynamic):
    """Queue by type descending (compute, memory, low), then by memory descending."""

    name = "dySequ"

    def key(self, job: JobView, device: DeviceView) -> tuple[float, ...]:
        cost = job.costs[device.kind]
        return (-TYPE_VALUE[cost.job_type], -cost.peak_bytes)
