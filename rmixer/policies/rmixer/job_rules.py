"""RMixer's job rules: an order of the queue, and the choice of a job for a given device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rmixer.scheduling.view import ClusterView, DeviceView, Dispatch, JobView, Order

TYPE_VALUE = {"compute": 1, "memory": 0, "low": -1}
LARGE, SMALL = "large", "small"


def by_memory(job: JobView, kind: str) -> tuple[float, ...]:
    """Memory descending."""
    return (-job.costs[kind].peak_bytes,)


def by_utilisation(job: JobView, kind: str) -> tuple[float, ...]:
    """Utilisation descending."""
    return (-job.costs[kind].utilisation,)


def by_type(job: JobView, kind: str) -> tuple[float, ...]:
    """Type descending (compute, memory, low), then memory descending."""
    cost = job.costs[kind]
    return (-TYPE_VALUE[cost.job_type], -cost.peak_bytes)


def first(view: ClusterView, device: DeviceView, order: Order) -> tuple[Dispatch, ...]:
    """The first job in ``order`` that fits ``device``."""
    job = next(_fitting(view, device, order), None)
    return () if job is None else (Dispatch(job.id, (device.name,)),)


def alternating(view: ClusterView, device: DeviceView, order: Order) -> tuple[Dispatch, ...]:
    """The last job that fits if ``device`` runs more jobs picked as large than as small, else the
    first."""
    tags = Counter(resident.tag for resident in device.residents)
    last = tags[LARGE] > tags[SMALL]
    job = next(_fitting(view, device, order, from_end=last), None)
    tag = SMALL if last else LARGE
    return () if job is None else (Dispatch(job.id, (device.name,), tag=tag),)


def of_another_type(view: ClusterView, device: DeviceView, order: Order) -> tuple[Dispatch, ...]:
    """The first job that fits and whose type is not the most common on ``device``; else the first
    that fits."""
    common = most_common_type(view, device)
    found = None
    for job in _fitting(view, device, order):
        found = found or job
        if job.costs[device.kind].job_type != common:
            found = job
            break
    return () if found is None else (Dispatch(found.id, (device.name,)),)


def last_that_fits(view: ClusterView, device: DeviceView, order: Order) -> JobView | None:
    """The last job in ``order`` that fits ``device``."""
    return next(_fitting(view, device, order, from_end=True), None)


def _fitting(
    view: ClusterView, device: DeviceView, order: Order, from_end: bool = False
) -> Iterator[JobView]:
    """The queued jobs that fit ``device``, in ``order``, or from its end."""
    if device.free_slots == 0:
        return iter(())
    jobs = view.in_order(order, device.kind)
    return (job for job in (reversed(jobs) if from_end else jobs) if device.fits(job))


def most_common_type(view: ClusterView, device: DeviceView) -> str:
    """The most common type among the residents: on a tie, and on an empty device, compute wins
    over memory and memory over low."""
    types: list[str] = [
        view.jobs[each.job].costs[device.kind].job_type for each in device.residents
    ]
    return max(TYPE_VALUE, key=lambda job_type: (types.count(job_type), TYPE_VALUE[job_type]))
