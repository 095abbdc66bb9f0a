"""Longest processing time first: the classical rule for identical machines (Graham, 1969)."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from math import inf

from rmixer.scheduling.policy import Policy
from rmixer.scheduling.view import ClusterView, DeviceView, Dispatch, JobView


class Lpt(Policy):
    """The longest job alone first, on the device where it ends soonest given what is booked.

    A job's end on a device is the time at which its first slot is free plus the job's time alone
    there. If it would end sooner on a slot that is taken, it waits for it.
    """

    name = "lpt"
    source = "Graham (1969)"

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        free_s = {device.name: _free_s(view, device) for device in view.devices.values()}
        for job in sorted(view.waiting(), key=lambda job: -_shortest_s(view, job)):
            ends = [
                (max(free_s[device.name][0], _room_s(view, device, job)) + alone_s, device)
                for device, alone_s in _able(view, job)
            ]
            end_s, device = min(ends, key=lambda end: end[0], default=(inf, None))
            if device is None or end_s == inf:
                continue
            if free_s[device.name][0] == 0.0 and device.fits(job):
                return (Dispatch(job.id, (device.name,)),)
            heapq.heapreplace(free_s[device.name], end_s)
        return ()


def _able(view: ClusterView, job: JobView) -> list[tuple[DeviceView, float]]:
    """The devices that ``job`` can run on, each with its time alone there."""
    return [
        (device, job.costs[device.kind].alone_s(job.steps, device.threads))
        for device in view.devices.values()
        if device.kind in job.costs
    ]


def _shortest_s(view: ClusterView, job: JobView) -> float:
    return min((alone_s for _, alone_s in _able(view, job)), default=0.0)


def _free_s(view: ClusterView, device: DeviceView) -> list[float]:
    """Seconds until each slot of ``device`` is free, soonest first."""
    taken = sorted(view.remaining_alone_s(device, resident) for resident in device.residents)
    return [0.0] * device.free_slots + taken


def _room_s(view: ClusterView, device: DeviceView, job: JobView) -> float:
    """Seconds until ``device`` has memory for ``job``, if a slot is free: 0, or until its first job
    ends; infinite if it has none."""
    if device.free_slots == 0 or device.fits(job):
        return 0.0
    left = (view.remaining_alone_s(device, resident) for resident in device.residents)
    return min(left, default=inf)
