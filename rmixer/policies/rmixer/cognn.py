"""RMixer's ``cognn``."""

from __future__ import annotations

from collections.abc import Sequence

from rmixer.policies.rmixer.dynamic import InRounds
from rmixer.policies.rmixer.job_rules import alternating, by_memory
from rmixer.scheduling.view import ClusterView, DeviceView, Dispatch


class Cognn(InRounds):
    """As dyMemo, in rounds: RMixer's form of CoGNN's balanced memory consumption."""

    name = "cognn"
    needs = ("peak_bytes",)

    def pick(self, view: ClusterView, device: DeviceView) -> Sequence[Dispatch]:
        return alternating(view, device, by_memory)
