"""Horus, as CARMA compares with it."""

from __future__ import annotations

from collections.abc import Sequence

from rmixer.policies.own_kind import gpus_or_cpu
from rmixer.scheduling.policy import Policy
from rmixer.scheduling.view import SHARE_DIGITS, ClusterView, Dispatch


class Horus(Policy):
    """The head of the queue to the least utilised GPU, if all there need at most 100% together."""

    name = "horus"
    source = "Horus (TPDS 2022)"
    needs = ("utilisation",)

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        job = next(view.waiting(), None)
        if job is None:
            return ()
        sums = [
            (round(device.booked_utilisation + share, SHARE_DIGITS), device)
            for device in gpus_or_cpu(view, job)
            for share in [job.costs[device.kind].utilisation]
            if device.fits(job)
        ]
        able = [each for each in sums if each[0] <= 1.0 or not each[1].residents]
        if not able:
            return ()
        _, device = min(able, key=lambda each: each[0])
        return (Dispatch(job.id, (device.name,)),)
