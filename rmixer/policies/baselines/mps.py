"""Blocks of jobs on each GPU, as people share one by CUDA's MPS."""

from __future__ import annotations

from collections.abc import Sequence

from rmixer.policies.rounds import Rounds
from rmixer.scheduling.view import ClusterView, Dispatch


class Mps(Rounds):
    """As many consecutive jobs on each GPU as it has slots, in rounds, with no memory check.

    Jobs that do not fit run out of memory: its schedule is only predicted to work if the peaks of
    jobs that run together fit.
    """

    name = "mps"
    source = "baseline"
    memory = "none"

    def add(self, view: ClusterView) -> Sequence[Dispatch]:
        for device in view.devices.values():
            job = next((job for job in view.waiting() if device.fits(job, self.memory)), None)
            if job is not None:
                return (Dispatch(job.id, (device.name,)),)
        return ()
