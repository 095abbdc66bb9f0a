"""Rounds: fill the devices, wait until every job of the round has ended, then fill again."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import replace

from rmixer.scheduling.policy import Policy
from rmixer.scheduling.view import ClusterView, DeviceView, Dispatch


class Rounds(Policy):
    """Fills all devices at one instant. The subclass decides which jobs to :meth:`add`; the others
    wait for the next round."""

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        if not is_open(view.devices.values(), view.now_s):
            return ()
        number = max(device.last_round for device in view.devices.values())
        if not any(device.residents for device in view.devices.values()):
            number += 1
        return [replace(dispatch, round=number) for dispatch in self.add(view)]

    @abstractmethod
    def add(self, view: ClusterView) -> Sequence[Dispatch]:
        """The next jobs of the open round; empty to close it."""


def is_open(devices: Iterable[DeviceView], now_s: float) -> bool:
    """True if a round on ``devices`` is being filled: all their jobs started at this instant."""
    return all(each.started_s == now_s for device in devices for each in device.residents)
