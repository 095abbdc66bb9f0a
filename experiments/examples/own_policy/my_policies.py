"""A user's own policy: short jobs first, but no job waits for ever."""

from collections.abc import Sequence

from rmixer.policies import ClusterView, DeviceView, Dispatch, JobView, Policy


class ShortestFirst(Policy):
    """The job that is shortest alone first, on the device where it is; who waits counts as shorter.

    A job that has waited for a second counts as ``ageing`` seconds shorter.
    """

    name = "shortest_first"

    def __init__(self, seed: int = 0, ageing: float = 0.5) -> None:
        super().__init__(seed)
        self.ageing = ageing

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        choices = [
            (self.length_s(view, job, device), job.order, job.id, device.name)
            for job in view.waiting()
            for device in view.devices.values()
            if device.fits(job)
        ]
        if not choices:
            return ()
        _, _, job, device = min(choices, key=lambda choice: choice[:2])
        return (Dispatch(job, (device,)),)

    def length_s(self, view: ClusterView, job: JobView, device: DeviceView) -> float:
        alone_s = job.costs[device.kind].alone_s(job.steps, device.threads)
        return alone_s - self.ageing * (view.now_s - job.arrival_s)
