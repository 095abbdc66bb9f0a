"""RMixer's ``dyType``."""

from __future__ import annotations

from collections.abc import Sequence

from rmixer.policies.rmixer.dynamic import Dynamic
from rmixer.policies.rmixer.job_rules import by_memory, of_another_type
from rmixer.scheduling.view import ClusterView, DeviceView, Dispatch


class DyType(Dynamic):
    """By memory, largest first: the first whose type differs from the most common on the device."""

    name = "dyType"
    needs = ("job_type", "peak_bytes")

    def pick(self, view: ClusterView, device: DeviceView) -> Sequence[Dispatch]:
        return of_another_type(view, device, by_memory)
