"""The devices for which the published policies were made: GPUs, and here the CPU as a
substitute."""

from __future__ import annotations

from rmixer.scheduling.view import ClusterView, DeviceView, JobView


def gpus_or_cpu(view: ClusterView, job: JobView) -> list[DeviceView]:
    """The GPUs in order; the CPU if there is none, or if ``job`` cannot run on one."""
    known = [device for device in view.devices.values() if device.kind in job.costs]
    return [device for device in known if device.kind == "gpu"] or known
