"""RMixer's ``dyArin``."""

from __future__ import annotations

from collections.abc import Sequence

from rmixer.policies.rmixer.dynamic import Dynamic
from rmixer.policies.rmixer.job_rules import alternating, by_utilisation, fitting
from rmixer.scheduling.view import ClusterView, DeviceView, Dispatch


class DyArin(Dynamic):
    """By utilisation, largest first: from the front and from the back in turn on each device."""

    name = "dyArin"
    needs = ("utilisation",)

    def pick(self, view: ClusterView, device: DeviceView) -> Sequence[Dispatch]:
        return alternating(view, device, fitting(view, device, by_utilisation))
