"""RMixer's ``dyRand``: a seeded random order; the first that fits."""

from __future__ import annotations

from rmixer.files.typed_files import content_hash
from rmixer.policies.rmixer.dynamic import Dynamic
from rmixer.scheduling.view import DeviceView, JobView


class DyRand(Dynamic):
    """A job's place is drawn from the seed and its id, so that it outlives a resumed run."""

    name = "dyRand"

    def key(self, job: JobView, device: DeviceView) -> tuple[float, ...]:
        return (int(content_hash([self.seed, job.id]), 16),)
