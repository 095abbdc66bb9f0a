"""RMixer's ``dySequ``."""

from __future__ import annotations

from collections.abc import Sequence

from rmixer.policies.rmixer.dynamic import Dynamic
from rmixer.policies.rmixer.job_rules import by_type, first
from rmixer.scheduling.view import ClusterView, DeviceView, Dispatch


class DySequ(Dynamic):
    """By type (compute, memory, low), then by memory, largest first: the first that fits."""

    name = "dySequ"
    needs = ("job_type", "peak_bytes")

    def pick(self, view: ClusterView, device: DeviceView) -> Sequence[Dispatch]:
        return first(view, device, by_type)
