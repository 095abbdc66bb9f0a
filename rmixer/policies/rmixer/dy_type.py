"""RMixer's ``dyType``: put a job beside jobs of another type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rmixer.policies.rmixer.dy_sequ import TYPE_VALUE
from rmixer.policies.rmixer.dynamic import Dynamic
from rmixer.scheduling.view import ClusterView, DeviceView, JobView


class DyType(Dynamic):
    """Queue by memory descending; the first that fits whose type is not the one most common on
    the device, or else the first that fits."""

    name = "dyType"

    def key(self, job: JobView, device: DeviceView) -> tuple[float, ...]:
        return (-job.costs[device.kind].peak_bytes,)

    def pick(
        self, view: ClusterView, device: DeviceView, fitting: Sequence[JobView]
    ) -> JobView | None:
        common = most_common_type(view, device)
        for job in fitting:
            if job.costs[device.kind].job_type != common:
                return job
        return fitting[0] if fitting else None


def most_common_type(view: ClusterView, device: DeviceView) -> str:
    """The most common type among the residents: on a tie, and on an empty device, compute wins
    over memory and memory over low."""
    count: Counter[str] = Counter(
        view.jobs[resident.job].costs[device.kind].job_type for resident in device.residents
    )
    return max(TYPE_VALUE, key=lambda job_type: (count[job_type], TYPE_VALUE[job_type]))
