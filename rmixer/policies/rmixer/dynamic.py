"""What RMixer's dynamic policies share: a slot is refilled as soon as it is free."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from rmixer.policies.rmixer.device_rules import DEVICE_RULES
from rmixer.scheduling.policy import Policy
from rmixer.scheduling.view import ClusterView, DeviceView, Dispatch, JobView


class Dynamic(Policy):
    """A device rule names a device; the job rule of the subclass names the job for it."""

    def __init__(self, seed: int = 0, device_rule: str = "dySequ") -> None:
        super().__init__(seed)
        self._device_rule = DEVICE_RULES[device_rule]

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        device = self._device_rule(view)
        if device is None or device.settling:
            return ()
        candidates = [job for job in view.waiting() if device.kind in job.costs]
        ordered = sorted(candidates, key=lambda job: self.key(job, device))
        job = self.pick(view, device, [job for job in ordered if device.fits(job)])
        return () if job is None else (Dispatch(job.id, (device.name,)),)

    @abstractmethod
    def key(self, job: JobView, device: DeviceView) -> tuple[float, ...]:
        """The order of the queue, smallest first; equal keys keep the order of submission."""

    def pick(
        self, view: ClusterView, device: DeviceView, fitting: Sequence[JobView]
    ) -> JobView | None:
        """The job to start among those that fit, in the order of the queue."""
        return fitting[0] if fitting else None
