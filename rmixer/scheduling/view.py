"""What a policy sees and what it answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from rmixer.profile.device_cost import DeviceCost
from rmixer.scheduling.step_times import StepTimes

State = Literal["queued", "running", "done", "failed"]
MIB = 1 << 20


@dataclass(frozen=True)
class JobView:
    """One job known so far; ``order`` is its place in the order of submission, ``costs`` its
    profile summary by kind of device (a kind that is missing cannot run it)."""

    id: str
    model: str
    order: int
    steps: int
    arrival_s: float
    state: State
    attempts: int
    costs: Mapping[str, DeviceCost]
    identity: str
    weight: float = 1.0
    priority: int = 0
    deadline_s: float | None = None


@dataclass(frozen=True)
class Resident:
    """A job on a device, with the tag that its dispatch carried."""

    job: str
    slot: int
    tag: str


@dataclass(frozen=True)
class DeviceView:
    """One device. ``booked_bytes`` is the use at start plus 1.2 x the peak of each resident;
    ``measured_bytes`` what the device itself reports in use, None where nothing measures it."""

    name: str
    kind: Literal["cpu", "gpu"]
    memory_bytes: int
    slots: int
    booked_bytes: int
    booked_utilisation: float
    residents: tuple[Resident, ...]
    measured_bytes: int | None = None

    @property
    def free_slots(self) -> int:
        """Slots without a job."""
        return self.slots - len(self.residents)

    @property
    def settling(self) -> bool:
        """A GPU that holds over 1000 MiB more than is booked: RMixer's policies wait for it."""
        if self.kind != "gpu" or self.measured_bytes is None:
            return False
        return self.measured_bytes - self.booked_bytes > 1000 * MIB

    def fits(self, job: JobView) -> bool:
        """Whether a slot is free and 1.2 x the job's peak stays below the device's memory."""
        cost = job.costs.get(self.kind)
        if cost is None or self.free_slots <= 0:
            return False
        return 1.2 * cost.peak_bytes + self.booked_bytes < self.memory_bytes


@dataclass(frozen=True)
class ClusterView:
    """The state of the run at ``now_s``. The mappings are live and read-only: nothing is copied.

    ``jobs`` holds every job that has arrived, in order of submission; ``queued`` those of them
    that wait; ``devices`` GPUs first. Policies that weigh pairs read ``step_times``, the same
    memo under both clocks.
    """

    now_s: float
    jobs: Mapping[str, JobView]
    queued: Mapping[str, JobView]
    devices: Mapping[str, DeviceView]
    step_times: StepTimes | None = None

    def waiting(self) -> Iterator[JobView]:
        """The queued jobs, in order of submission."""
        return iter(sorted(self.queued.values(), key=lambda job: job.order))


@dataclass(frozen=True)
class Dispatch:
    """Start ``job`` on ``devices``. ``slot`` is the first free one unless it is named."""

    job: str
    devices: tuple[str, ...]
    placement: str = "device"
    tag: str = ""
    slot: int | None = None
