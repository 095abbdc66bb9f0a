"""What a policy sees and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from rmixer.profile.device_cost import DeviceCost
from rmixer.scheduling.step_times import Member, Mix, StepTimes

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
    """A job on a device, as its dispatch placed it there at ``started_s``."""

    job: str
    slot: int
    tag: str
    started_s: float
    cores: tuple[int, ...]
    placement: str
    sharing: str


@dataclass(frozen=True)
class DeviceView:
    """One device. ``threads`` is the most that a job has in one of its slots. ``booked_bytes`` is
    the use at start plus 1.2 x the peak of each resident; ``measured_bytes`` is what is in use of
    its memory, None where nothing measures it. ``last_order`` and ``last_started_s`` are of the
    last job that was sent here, whether it has ended or not; -1 and None if there was none."""

    name: str
    kind: Literal["cpu", "gpu"]
    memory_bytes: int
    slots: int
    booked_bytes: int
    booked_utilisation: float
    residents: tuple[Resident, ...]
    measured_bytes: int | None = None
    threads: int = 1
    last_order: int = -1
    last_started_s: float | None = None

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
    memo under both clocks. ``made`` tells how many steps a running job has made; None if nobody
    counts them.
    """

    now_s: float
    jobs: Mapping[str, JobView]
    queued: Mapping[str, JobView]
    devices: Mapping[str, DeviceView]
    step_times: StepTimes | None = None
    made: Callable[[str], float] | None = None

    def waiting(self) -> Iterator[JobView]:
        """The queued jobs, in order of submission."""
        return iter(sorted(self.queued.values(), key=lambda job: job.order))

    def steps_done(self, job: str) -> float:
        """The steps that ``job`` has made so far. Raises :class:`KeyError` for an unknown job."""
        view = self.jobs[job]
        if view.state == "done":
            return float(view.steps)
        if view.state != "running" or self.made is None:
            return 0.0
        return min(float(view.steps), self.made(job))

    def remaining_s(self, device: DeviceView, resident: Resident) -> float:
        """Predicted seconds until ``resident`` of ``device`` ends, if all jobs that run now keep
        running beside it; without ``step_times``, if it were alone from now on."""
        job = self.jobs[resident.job]
        cost = job.costs[device.kind]
        threads = len(resident.cores)
        done = self.steps_done(job.id)
        to_train = job.steps - max(done, min(cost.warmup_steps, job.steps))
        around_s = cost.after_s.get(threads, 0.0)
        if done == 0.0:
            around_s += cost.before_s.get(threads, 0.0)
        return around_s + to_train * self._step_s(device, resident)

    def _step_s(self, device: DeviceView, resident: Resident) -> float:
        if self.step_times is None:
            return self.jobs[resident.job].costs[device.kind].step_s[len(resident.cores)]
        together = [(each, at) for at in self.devices.values() for each in at.residents]
        mix = Mix(tuple(self._member(each, at) for each, at in together))
        return self.step_times.unit_s(mix)[together.index((resident, device))]

    def _member(self, resident: Resident, device: DeviceView) -> Member:
        identity = self.jobs[resident.job].identity
        return Member(
            identity, "train", device.name, resident.cores, resident.placement, resident.sharing
        )


@dataclass(frozen=True)
class Dispatch:
    """Start ``job`` on ``devices``. If they are not given, it takes the first free ``slot``, all
    ``threads`` of it, and the ``sharing`` that the layout has for the device."""

    job: str
    devices: tuple[str, ...]
    placement: str = "device"
    tag: str = ""
    slot: int | None = None
    threads: int | None = None
    sharing: str | None = None
