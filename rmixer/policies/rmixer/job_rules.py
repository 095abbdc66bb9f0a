"""RMixer's job rules: an order of the queue, and which job of it goes to a given device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from rmixer.scheduling.view import ClusterView, DeviceView, Dispatch, JobView

TYPE_VALUE = {"compute": 1, "memory": 0, "low": -1}
LARGE, SMALL = "large", "small"
Order = Callable[[JobView, DeviceView], tuple[float, ...]]
"""The place of a job in the queue for a device, smallest first; equal keys keep the order of
submission."""


def by_memory(job: JobView, device: DeviceView) -> tuple[float, ...]:
    """Memory descending."""
    return (-job.costs[device.kind].peak_bytes,)


def by_utilisation(job: JobView, device: DeviceView) -> tuple[float, ...]:
    """Utilisation descending."""
    return (-job.costs[device.kind].utilisation,)


def by_type(job: JobView, device: DeviceView) -> tuple[float, ...]:
    """Type descending (compute, memory, low), then memory descending."""
    cost = job.costs[device.kind]
    return (-TYPE_VALUE[cost.job_type], -cost.peak_bytes)


def fitting(view: ClusterView, device: DeviceView, order: Order) -> list[JobView]:
    """The queued jobs that fit ``device``, in their order."""
    return sorted(
        (job for job in view.waiting() if device.fits(job)), key=lambda job: order(job, device)
    )


def first(_view: ClusterView, device: DeviceView, jobs: Sequence[JobView]) -> tuple[Dispatch, ...]:
    """The first of ``jobs``."""
    return (Dispatch(jobs[0].id, (device.name,)),) if jobs else ()


def alternating(
    _view: ClusterView, device: DeviceView, jobs: Sequence[JobView]
) -> tuple[Dispatch, ...]:
    """The last of ``jobs`` if ``device`` runs more that were picked as large than as small, else
    the first."""
    if not jobs:
        return ()
    tags = Counter(resident.tag for resident in device.residents)
    tag, job = (SMALL, jobs[-1]) if tags[LARGE] > tags[SMALL] else (LARGE, jobs[0])
    return (Dispatch(job.id, (device.name,), tag=tag),)


def of_another_type(
    view: ClusterView, device: DeviceView, jobs: Sequence[JobView]
) -> tuple[Dispatch, ...]:
    """The first of ``jobs`` whose type is not the one most common on ``device``, or else the
    first."""
    common = most_common_type(view, device)
    other = (job for job in jobs if job.costs[device.kind].job_type != common)
    job = next(other, jobs[0] if jobs else None)
    return () if job is None else (Dispatch(job.id, (device.name,)),)


def most_common_type(view: ClusterView, device: DeviceView) -> str:
    """The most common type among the residents: on a tie, and on an empty device, compute wins
    over memory and memory over low."""
    count: Counter[str] = Counter(
        view.jobs[resident.job].costs[device.kind].job_type for resident in device.residents
    )
    return max(TYPE_VALUE, key=lambda job_type: (count[job_type], TYPE_VALUE[job_type]))
