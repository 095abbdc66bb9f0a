"""RMixer's ``dyMemo``."""

from __future__ import annotations

from collections.abc import Sequence

from rmixer.policies.rmixer.dynamic import Dynamic
from rmixer.policies.rmixer.job_rules import alternating, by_memory
from rmixer.scheduling.view import ClusterView, DeviceView, Dispatch


class DyMemo(Dynamic):
    """By memory, largest first: from the front and from the back in turn on each device."""

    name = "dyMemo"
    needs = ("peak_bytes",)

    def pick(self, view: ClusterView, device: DeviceView) -> Sequence[Dispatch]:
        return alternating(view, device, by_memory)
