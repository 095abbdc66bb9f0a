"""Finds the place of a dispatch, if it can be carried out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from rmixer.display.quantities import size
from rmixer.errors import PolicyWrong
from rmixer.scheduling.layout import SHARING, DeviceSlots, Sharing
from rmixer.scheduling.policy import Policy
from rmixer.scheduling.view import ClusterView, DeviceView, Dispatch, JobView


@dataclass(frozen=True)
class Placed:
    """``job`` in ``slot`` of ``device``, with ``threads`` host threads."""

    job: JobView
    device: DeviceView
    slot: int
    threads: int
    sharing: Sharing


def placed(
    dispatch: Dispatch, policy: Policy, view: ClusterView, layout: Mapping[str, DeviceSlots]
) -> Placed:
    """The place that ``dispatch`` asks for on the slots of ``layout``. Raises :class:`PolicyWrong`
    if it is impossible: a job that does not wait, an unknown device, a taken slot, too little
    memory by the check of ``policy``, too many threads."""
    who = f"policy {policy.origin!r}"
    job = view.queued.get(dispatch.job)
    if job is None:
        state = _state(dispatch.job, view)
        raise PolicyWrong(f"{who} started {dispatch.job!r}, which is not in the queue: {state}")
    if not dispatch.devices or not view.devices.keys() >= set(dispatch.devices):
        known = f"no such device among {', '.join(view.devices)}"
        raise PolicyWrong(f"{who} sent {job.id!r} to {dispatch.devices}: {known}")
    if (count := len(dispatch.devices)) > 1:
        raise PolicyWrong(f"{who} sent {job.id!r} to {count} devices: a job runs on one")
    device = view.devices[dispatch.devices[0]]
    if not device.fits(job, policy.memory):
        why = _why_not(device, job)
        raise PolicyWrong(f"{who} sent {job.id!r} to {device.name}: it does not fit, {why}")
    slot = _free_slot(device, job, who, dispatch.slot)
    entry = layout[device.name]
    threads = entry.threads if dispatch.threads is None else dispatch.threads
    if not 1 <= threads <= entry.threads:
        allowed = f"a slot of {entry.device} has {entry.threads}"
        raise PolicyWrong(f"{who} gave {job.id!r} {threads} threads: {allowed}")
    sharing = dispatch.sharing or entry.sharing
    if sharing not in SHARING:
        known = ", ".join(SHARING)
        raise PolicyWrong(f"{who} let {job.id!r} share as {sharing!r}: known: {known}")
    return Placed(job, device, slot, threads, cast(Sharing, sharing))


def kept_for_slots(devices: Iterable[DeviceView], waiting: Iterable[JobView]) -> str:
    """A clause about the memory booked for the slots of an idle device, if a job that is
    ``waiting`` would fit without it; else ""."""
    jobs = list(waiting)
    for device in devices:
        bare = device._replace(booked_bytes=0)
        if any(bare.fits(job) and not device.fits(job) for job in jobs):
            kept = f"{size(device.booked_bytes)} of {size(device.memory_bytes)}"
            return f"; {kept} on {device.name} stay booked for its {device.slots} slots"
    return ""


def _state(job: str, view: ClusterView) -> str:
    if job not in view.jobs:
        return "no job of this id has arrived"
    state = view.jobs[job].state
    if state == "waiting":
        return "it failed and waits before it is tried again"
    return "it runs already" if state == "running" else f"it has ended ({state})"


def _why_not(device: DeviceView, job: JobView) -> str:
    if device.kind not in job.costs:
        return f"it has no profile for a {device.kind}"
    if device.free_slots <= 0:
        return "no slot is free"
    return "its memory is more than is left beside what is booked"


def _free_slot(device: DeviceView, job: JobView, who: str, wanted: int | None) -> int:
    """``wanted``, or the first free slot of ``device``."""
    taken = {resident.slot for resident in device.residents}
    free = [slot for slot in range(device.slots) if slot not in taken]
    slot = free[0] if wanted is None else wanted
    if slot not in free:
        known = ", ".join(map(str, free))
        raise PolicyWrong(
            f"{who} sent {job.id!r} to slot {slot}: it is not free; free on {device.name}: {known}"
        )
    return slot
