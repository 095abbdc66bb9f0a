"""The view of a policy and its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from rmixer.model_profile.device_cost import DeviceCost
from rmixer.scheduling.step_times import Member, Mix, StepTimes

Barrier = Literal["machine", "device"]
MemoryCheck = Literal["margin", "peak", "none"]
State = Literal["queued", "running", "waiting", "done", "failed"]
"""``waiting``: the job failed and will queue again after a pause."""
MEMORY_MARGIN = 1.2
MIB = 1 << 20
SHARE_DIGITS = 9
"""Sums of shares are rounded to these decimals, so that 0.1 + 0.7 is 0.8 in any order."""


class JobView(NamedTuple):
    """One job known so far; ``order`` is its place in the order of submission, ``costs`` its
    profile summary by kind of device (a missing kind cannot run it)."""

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


Order = Callable[[JobView, str], tuple[float, ...]]
"""The place of a job in the queue for devices of a kind, smallest first; equal ones keep the order
of submission. A function of the job alone, for its place is not asked for again."""


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


class DeviceView(NamedTuple):
    """One device. ``threads`` is the most that a job has in one of its slots. ``booked_bytes`` is
    the use at start plus 1.2 x the peak of each job there, ``held_bytes`` the same with the plain
    peaks; ``measured_bytes`` is the measured use of its memory (None: not measured).
    ``last_order``, ``last_round`` and ``last_started_s`` are of the last job that was sent here,
    even if it has ended; -1, -1 and None if there was none."""

    name: str
    kind: Literal["cpu", "gpu"]
    memory_bytes: int
    slots: int
    booked_bytes: int
    booked_utilisation: float
    residents: tuple[Resident, ...]
    measured_bytes: int | None = None
    held_bytes: int = 0
    threads: int = 1
    last_order: int = -1
    last_round: int = -1
    last_started_s: float | None = None
    context_bytes: int = 0

    @property
    def free_slots(self) -> int:
        """Slots without a job."""
        return self.slots - len(self.residents)

    @property
    def settling(self) -> bool:
        """True for a GPU that holds over 1000 MiB more than is booked: RMixer's policies wait for
        it."""
        if self.kind != "gpu" or self.measured_bytes is None:
            return False
        return self.measured_bytes - self.booked_bytes > 1000 * MIB

    def fits(self, job: JobView, check: MemoryCheck = "margin") -> bool:
        """True if a slot is free and the job can run here. By ``check``, 1.2 x its peak plus the
        booked bytes stay below the device's memory (``margin``), or its peak plus the held bytes
        (``peak``), or memory is ignored (``none``)."""
        cost = job.costs.get(self.kind)
        if cost is None or self.free_slots <= 0:
            return False
        beside = self.context_bytes - self.taken_over(cost)
        if check == "margin":
            need = MEMORY_MARGIN * cost.peak_bytes + self.booked_bytes + beside
            return need < self.memory_bytes
        return check == "none" or cost.peak_bytes + self.held_bytes + beside < self.memory_bytes

    def taken_over(self, cost: DeviceCost) -> int:
        """Bytes of the job's peak that the idle worker already holds: its context. A program runs
        in a separate process: 0."""
        return self.context_bytes if cost.context_bytes else 0


@dataclass(frozen=True)
class ClusterView:
    """The state of the run at ``now_s``. The mappings are live and read-only: nothing is copied.

    ``jobs`` holds every job that has arrived, in order of submission; ``queued`` those of them that
    wait; ``devices`` GPUs first. Policies that compare pairs read ``step_times``, which is the same
    under both clocks. ``made`` returns the steps of a running job that are done (None: not
    counted). ``kept`` has the queue in orders that were asked for, ``free`` the names of devices of
    a kind with free slots.
    """

    now_s: float
    jobs: Mapping[str, JobView]
    queued: Mapping[str, JobView]
    devices: Mapping[str, DeviceView]
    step_times: StepTimes | None = None
    made: Callable[[str], float] | None = None
    kept: Callable[[Order, str], Sequence[JobView]] | None = None
    free: Callable[[str], Iterable[str]] | None = None

    def waiting(self) -> Iterator[JobView]:
        """The queued jobs, in order of submission."""
        return iter(self.queued.values())

    def with_free_slot(self, kind: str) -> Sequence[DeviceView]:
        """The devices of ``kind`` that have a free slot, in order."""
        if self.free is not None:
            return [self.devices[name] for name in self.free(kind)]
        return [d for d in self.devices.values() if d.kind == kind and d.free_slots > 0]

    def in_order(self, order: Order, kind: str) -> Sequence[JobView]:
        """The queued jobs that can run on a device of ``kind``, by ``order``. The order is kept as
        jobs come and go, so that the next call with it sorts nothing."""
        if self.kept is not None:
            return self.kept(order, kind)
        able = [job for job in self.queued.values() if kind in job.costs]
        return sorted(able, key=lambda job: order(job, kind))

    def steps_done(self, job: str) -> float:
        """The steps of ``job`` that are done. Raises :class:`KeyError` for an unknown job."""
        view = self.jobs[job]
        if view.state == "done":
            return float(view.steps)
        if view.state != "running" or self.made is None:
            return 0.0
        return min(float(view.steps), self.made(job))

    def remaining_s(self, device: DeviceView, resident: Resident) -> float:
        """Predicted seconds until ``resident`` of ``device`` ends, if all jobs that run now keep
        running with it; without ``step_times``, if it were alone from now on."""
        if self.step_times is None:
            return self.remaining_alone_s(device, resident)
        return self._remaining_s(device, resident, self._step_s(self.step_times, device, resident))

    def remaining_alone_s(self, device: DeviceView, resident: Resident) -> float:
        """Seconds until ``resident`` of ``device`` ends, if it were alone from now on."""
        cost = self.jobs[resident.job].costs[device.kind]
        return self._remaining_s(device, resident, cost.step_s[len(resident.cores)])

    def _remaining_s(self, device: DeviceView, resident: Resident, step_s: float) -> float:
        job = self.jobs[resident.job]
        cost = job.costs[device.kind]
        threads = len(resident.cores)
        done = self.steps_done(job.id)
        to_train = job.steps - max(done, min(cost.warmup_steps, job.steps))
        around_s = cost.after_s.get(threads, 0.0)
        if done == 0.0:
            gone_s = self.now_s - resident.started_s
            around_s += max(0.0, cost.before_s.get(threads, 0.0) - gone_s)
        return around_s + to_train * (step_s + cost.between_s.get(threads, 0.0))

    def _step_s(self, step_times: StepTimes, device: DeviceView, resident: Resident) -> float:
        together = [(each, at) for at in self.devices.values() for each in at.residents]
        mix = Mix(tuple(self._member(each, at) for each, at in together))
        return step_times.unit_s(mix)[together.index((resident, device))]

    def _member(self, resident: Resident, device: DeviceView) -> Member:
        identity = self.jobs[resident.job].identity
        return Member(
            identity, "train", device.name, resident.cores, resident.placement, resident.sharing
        )


@dataclass(frozen=True)
class Dispatch:
    """Starts ``job`` on ``devices``. By default it takes the first free ``slot``, all its
    ``threads``, and the layout's ``sharing`` for the device.

    Jobs of one ``round`` wait for those of earlier rounds: for all of them, or with the ``barrier``
    ``device`` for those on the same devices. A policy without rounds has one, 0.
    """

    job: str
    devices: tuple[str, ...]
    placement: str = "device"
    tag: str = ""
    slot: int | None = None
    threads: int | None = None
    sharing: str | None = None
    round: int = 0
    barrier: Barrier = "machine"
