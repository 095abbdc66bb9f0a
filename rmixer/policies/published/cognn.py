"""CoGNN's groups (SC'22): jobs in an order, a barrier after each group."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from rmixer.policies.rounds import Rounds
from rmixer.scheduling.policy import Figure
from rmixer.scheduling.view import ClusterView, Dispatch, JobView


class Grouped(Rounds):
    """Jobs in strict order form groups: a job that would reach the memory of the device, or finds
    no slot, opens the next group. Each device takes a group, and all wait for the slowest."""

    source = "CoGNN (SC'22)"
    needs: tuple[Figure, ...] = ("peak_bytes",)
    memory = "peak"

    def add(self, view: ClusterView) -> Sequence[Dispatch]:
        if not view.queued:
            return ()
        job = self.next_job(view)
        devices = list(view.devices.values())
        begun = [place for place, device in enumerate(devices) if device.residents]
        for device in devices[max(begun, default=0) :]:
            if device.fits(job, self.memory):
                return (Dispatch(job.id, (device.name,)),)
        return ()

    @abstractmethod
    def next_job(self, view: ClusterView) -> JobView:
        """The next job in order, of at least one that waits."""


class CognnBase(Grouped):
    """Groups in order of submission."""

    name = "cognn_base"
    needs = ()

    def next_job(self, view: ClusterView) -> JobView:
        return next(view.waiting())


class CognnLmcf(Grouped):
    """Groups by memory, least first (LMCF)."""

    name = "cognn_lmcf"

    def next_job(self, view: ClusterView) -> JobView:
        return min(view.waiting(), key=_memory)


class CognnBmc(Grouped):
    """Groups of the smallest and the largest by memory in turn, the smallest first (BMC).

    The turns run on from group to group.
    """

    name = "cognn_bmc"

    def next_job(self, view: ClusterView) -> JobView:
        started = len(view.jobs) - len(view.queued)
        return (max if started % 2 else min)(view.waiting(), key=_memory)


def _memory(job: JobView) -> tuple[int, int]:
    """One order for both kinds of device: by the peak on a GPU, if the job can run on one."""
    return (job.costs.get("gpu") or job.costs["cpu"]).peak_bytes, job.order
