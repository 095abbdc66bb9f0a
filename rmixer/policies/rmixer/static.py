"""RMixer's ``static``."""

from __future__ import annotations

from collections.abc import Sequence

from rmixer.policies.rmixer.dynamic import InRounds
from rmixer.policies.rmixer.job_rules import by_memory, of_another_type
from rmixer.scheduling.view import ClusterView, DeviceView, Dispatch


class Static(InRounds):
    """As dyType, in rounds."""

    name = "static"
    needs = ("job_type", "peak_bytes")

    def pick(self, view: ClusterView, device: DeviceView) -> Sequence[Dispatch]:
        return of_another_type(view, device, by_memory)
