"""Lucid (ASPLOS'23), as CARMA compares with it."""

from __future__ import annotations

from collections.abc import Sequence

from rmixer.policies.own_kind import gpus_or_cpu
from rmixer.scheduling.policy import Policy
from rmixer.scheduling.view import ClusterView, DeviceView, Dispatch

SCORES = {"low": 0, "memory": 1, "compute": 2}
"""Sharing scores. Lucid's are for tiny, medium and jumbo jobs; here they are for the job types."""


class Lucid(Policy):
    """The head of the queue to a GPU of at most two jobs, with sharing scores of at most 2 in all.

    The least sum of scores comes first, then the least memory. A low job scores 0, a memory job 1,
    a compute job 2.
    """

    name = "lucid"
    source = "Lucid (ASPLOS'23)"
    needs = ("job_type", "peak_bytes")

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        job = next(view.waiting(), None)
        if job is None:
            return ()
        sums = [
            (_score(view, device) + SCORES[job.costs[device.kind].job_type], device)
            for device in gpus_or_cpu(view, job)
            if device.fits(job) and len(device.residents) < 2
        ]
        able = [each for each in sums if each[0] <= 2]
        if not able:
            return ()
        _, device = min(able, key=lambda each: (each[0], each[1].booked_bytes))
        return (Dispatch(job.id, (device.name,)),)


def _score(view: ClusterView, device: DeviceView) -> int:
    jobs = [view.jobs[resident.job] for resident in device.residents]
    return sum(SCORES[job.costs[device.kind].job_type] for job in jobs)
