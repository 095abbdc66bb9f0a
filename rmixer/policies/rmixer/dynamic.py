"""The base of RMixer's policies: a device rule names a device, a job rule the job for it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from rmixer.policies.rmixer.device_rules import DEVICE_RULES, RULE_NEEDS
from rmixer.policies.rounds import Rounds
from rmixer.scheduling.policy import Policy
from rmixer.scheduling.view import ClusterView, DeviceView, Dispatch


class DeviceThenJob(Policy):
    """Asks its device rule for a device and the subclass for a job. As published, if no job fits
    that device, no other is tried; but an idle machine, which would then wait for ever, tries all
    in order."""

    source = "RMixer (TPDS 2024)"

    def __init__(self, seed: int = 0, device_rule: str = "dySequ") -> None:
        super().__init__(seed)
        self._device_rule = DEVICE_RULES[device_rule]
        self.needs = (*self.needs, *RULE_NEEDS.get(device_rule, ()))

    def next_dispatch(self, view: ClusterView) -> Sequence[Dispatch]:
        """The next job, or nothing."""
        named = self._device_rule(view)
        found = self._pick(view, named)
        if found or (named is not None and named.settling):
            return found
        if any(device.residents for device in view.devices.values()):
            return ()
        others = (device for device in view.devices.values() if device != named)
        return next(filter(None, (self._pick(view, device) for device in others)), ())

    def _pick(self, view: ClusterView, device: DeviceView | None) -> Sequence[Dispatch]:
        return () if device is None or device.settling else self.pick(view, device)

    @abstractmethod
    def pick(self, view: ClusterView, device: DeviceView) -> Sequence[Dispatch]:
        """The job to start on ``device``, or nothing."""


class InRounds(Rounds, DeviceThenJob):
    """A round waits, and opens when no GPU is still freeing memory."""

    def add(self, view: ClusterView) -> Sequence[Dispatch]:
        if any(device.settling for device in view.devices.values()):
            return ()
        return self.next_dispatch(view)


class Dynamic(DeviceThenJob):
    """A slot is filled again as soon as it is free."""

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        return self.next_dispatch(view)
