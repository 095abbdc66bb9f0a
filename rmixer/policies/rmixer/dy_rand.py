"""RMixer's ``dyRand``."""

from __future__ import annotations

from collections.abc import Sequence

from rmixer.files.typed_files import content_hash
from rmixer.policies.rmixer.dynamic import Dynamic
from rmixer.policies.rmixer.job_rules import first
from rmixer.scheduling.view import ClusterView, DeviceView, Dispatch, JobView


class DyRand(Dynamic):
    """In a random order: the first that fits.

    A job's place is drawn from the seed and its id, so that a resumed run has the same order.
    """

    name = "dyRand"

    def pick(self, view: ClusterView, device: DeviceView) -> Sequence[Dispatch]:
        return first(view, device, self._drawn)

    def _drawn(self, job: JobView, _kind: str) -> tuple[float, ...]:
        return (int(content_hash([self.seed, job.id]), 16),)
