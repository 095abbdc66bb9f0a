"""The books of a run: who waits, who runs where, what is booked. Both clocks keep them here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Protocol

from sortedcontainers import SortedKeyList

from rmixer.errors import PolicyStarved, PolicyWrong
from rmixer.hardware.machine import Machine
from rmixer.profile.device_cost import DeviceCost
from rmixer.scheduling.asking import ask, ask_again_s
from rmixer.scheduling.layout import Layout, Sharing
from rmixer.scheduling.ordered_queue import OrderedQueue
from rmixer.scheduling.placing import kept_for_slots, placed
from rmixer.scheduling.policy import Policy
from rmixer.scheduling.step_times import StepTimes
from rmixer.scheduling.view import (
    MEMORY_MARGIN,
    MIB,
    SHARE_DIGITS,
    Barrier,
    ClusterView,
    DeviceView,
    Dispatch,
    JobView,
    Resident,
    State,
)
from rmixer.workload.workload import Job

GPU_WORKER_BYTES = 308 * MIB
MOST_IDLE_ASKS = 1000
"""How often in a row a policy is asked while nothing runs and it starts nothing."""
MOST_ASKS_A_SECOND = 10_000
"""How often in a second of the run a policy may ask to be asked again, and start nothing."""


@dataclass(frozen=True)
class Booking:
    """A dispatch that was carried out: with its slot, its host cores and its order."""

    order: int
    job: str
    devices: tuple[str, ...]
    slot: int
    cores: tuple[int, ...]
    placement: str
    tag: str
    attempt: int
    booked_bytes: int
    sharing: Sharing = "process"
    round: int = 0
    barrier: Barrier = "machine"


class Readings(Protocol):
    """What a clock can read of the run while it goes on. ``reads_memory`` says whether memory is
    measured; if not, what is in use is what the jobs hold at their peaks."""

    reads_memory: bool

    def steps_made(self, job: str) -> float:
        """The steps that a running job has made, the one under way by its share."""
        ...

    def measured_bytes(self, device: str) -> int | None:
        """What is in use of the memory of ``device``; None if nothing measures it."""
        ...

    def others_bytes(self, device: str) -> int | None:
        """What of it others than this run's jobs hold now; None if nothing measures it."""
        ...


class Cluster:
    """Jobs and devices of one run. ``used_bytes`` is the memory in use on each device before the
    run starts; ``readings`` tell what no book has."""

    def __init__(
        self,
        machine: Machine,
        layout: Layout,
        step_times: StepTimes | None = None,
        used_bytes: Mapping[str, int] | None = None,
        readings: Readings | None = None,
    ) -> None:
        self.machine, self.layout, self._step_times = machine, layout, step_times
        self._readings = readings
        used = self._used = dict(used_bytes or {})
        self._used_first = dict(used)
        self._slots = {entry.device: entry for entry in layout.devices}
        self._jobs: dict[str, JobView] = {}
        self._queued: dict[str, JobView] = {}
        self._queue = OrderedQueue(self._queued)
        self._devices = {
            device.name: DeviceView(
                name=device.name,
                kind=device.kind,
                memory_bytes=device.memory_bytes,
                slots=self._slots[device.name].slots,
                threads=self._slots[device.name].threads,
                booked_bytes=used.get(device.name, 0),
                held_bytes=used.get(device.name, 0),
                booked_utilisation=0.0,
                residents=(),
            )
            for device in machine.devices
            if device.name in self._slots
        }
        self._places = {name: place for place, name in enumerate(self._devices)}
        self._free = {
            kind: SortedKeyList(
                (d.name for d in self._devices.values() if d.kind == kind), self._places.__getitem__
            )
            for kind in ("gpu", "cpu")
        }
        self._bookings: dict[str, Booking] = {}
        self._order = self._idle_asks = self._asks = 0
        self._asks_since_s = 0.0
        self._jobs_view = MappingProxyType(self._jobs)
        self._queued_view = MappingProxyType(self._queued)
        self._devices_view = MappingProxyType(self._devices)

    @property
    def running(self) -> Mapping[str, Booking]:
        """The bookings of the jobs that run now."""
        return MappingProxyType(self._bookings)

    def view(self, now_s: float) -> ClusterView:
        """What a policy sees now; live, so valid until the next change."""
        return ClusterView(
            now_s,
            self._jobs_view,
            self._queued_view,
            self._devices_view,
            self._step_times,
            self._readings.steps_made if self._readings else None,
            self._queue.in_order,
            self._free.__getitem__,
        )

    def submit(self, job: Job, identity: str, costs: Mapping[str, DeviceCost]) -> None:
        """A job has arrived."""
        view = JobView(
            id=job.id,
            model=job.model,
            order=len(self._jobs),
            steps=job.steps,
            arrival_s=job.arrival_s,
            state="queued",
            attempts=0,
            costs=MappingProxyType(dict(costs)),
            identity=identity,
        )
        self._jobs[job.id] = self._queued[job.id] = view
        self._queue.add(view)

    def decide(self, policy: Policy, now_s: float) -> list[Booking]:
        """Ask until the policy has no more to start; every answer is booked before the next. Raises
        :class:`PolicyWrong` for an answer that cannot be carried out, and
        :class:`rmixer.errors.PolicyFailed` for an error in a user's own policy."""
        self._measure()
        self._idle_asks = 0 if self._bookings else self._idle_asks + 1
        bookings: list[Booking] = []
        view = self.view(now_s)
        while dispatches := ask(policy, view):
            bookings.extend(self._book(dispatch, policy, view) for dispatch in dispatches)
        if bookings or now_s > self._asks_since_s + 1.0:
            self._asks, self._asks_since_s = 0, now_s
        return bookings

    def ask_again_s(self, policy: Policy, now_s: float) -> float | None:
        """In how many seconds ``policy`` wants to be asked again, if nothing happens before; None
        if no job waits, or if it has wanted that of an idle machine too often. Raises as
        :meth:`decide`, also for a policy that wants it without end."""
        if not self._queued or self._idle_asks > MOST_IDLE_ASKS:
            return None
        measures = self._readings is not None and self._readings.reads_memory
        if type(policy).ask_again_s is Policy.ask_again_s and not measures:
            return None  # it would wait for memory to settle
        again_s = ask_again_s(policy, self.view(now_s))
        self._asks += again_s is not None
        if self._asks > MOST_ASKS_A_SECOND:
            raise PolicyWrong(
                f"policy {policy.origin!r} wanted to be asked again {self._asks} times within a "
                f"second of the run, now in {again_s:g} s, and started nothing"
            )
        return again_s

    def finish(self, job: str, state: State = "done") -> None:
        """The job has left its devices; in state ``waiting`` it is not in the queue yet, where
        :meth:`requeue` puts it."""
        booking = self._bookings.pop(job)
        view = self._jobs[job]._replace(state=state)
        self._jobs[job] = view
        for name in booking.devices:
            device = self._devices[name]
            cost = view.costs[device.kind]
            residents = tuple(r for r in device.residents if r.job != job)
            booked = device.booked_bytes - _booked_bytes(cost)
            if device.kind == "gpu":
                booked = max(booked, GPU_WORKER_BYTES * device.slots)
            self._devices[name] = device._replace(
                residents=residents,
                booked_bytes=booked,
                held_bytes=(held_bytes := device.held_bytes - cost.peak_bytes),
                measured_bytes=self._in_use(device, held_bytes),
                booked_utilisation=self._utilisation(device.kind, residents),
            )
            if device.free_slots == 0:
                self._free[device.kind].add(name)

    def requeue(self, job: str, peaks: Mapping[str, int] | None = None) -> None:
        """A job that is ``waiting`` queues again, at its place in the order of submission.
        ``peaks`` are what it is now known to hold of a device's memory, by kind."""
        view = self._jobs[job]
        costs = {
            kind: replace(cost, peak_bytes=max(cost.peak_bytes, (peaks or {}).get(kind, 0)))
            for kind, cost in view.costs.items()
        }
        view = view._replace(state="queued", costs=MappingProxyType(costs))
        self._jobs[job] = view
        waiting = sorted((*self._queued.values(), view), key=lambda each: each.order)
        self._queued.clear()
        self._queued.update((each.id, each) for each in waiting)
        self._queue.add(view)

    def most_bytes(self, device: str) -> int:
        """The largest peak that a job may have on ``device`` where no other is there."""
        found, used = self._devices[device], self._used.get(device, 0)
        return int((found.memory_bytes - used) / MEMORY_MARGIN) - 1

    def withdraw(self, job: str) -> None:
        """A job that is not running will never run: somebody cancelled it."""
        if (view := self._queued.pop(job, None)) is not None:
            self._queue.remove(view)
        self._jobs[job] = self._jobs[job]._replace(state="failed")

    @property
    def is_crowded(self) -> bool:
        """Whether a job waits only because others hold more memory than at the start."""
        for name, device in self._devices.items():
            grown = self._used.get(name, 0) - self._used_first.get(name, 0)
            before = device._replace(
                booked_bytes=device.booked_bytes - grown, held_bytes=device.held_bytes - grown
            )
            if grown > 0 and any(
                before.fits(job) and not device.fits(job) for job in self._queued.values()
            ):
                return True
        return False

    def check_progress(self, more_to_come: bool) -> None:
        """Raise :class:`PolicyStarved` if jobs wait and no event can ever start them."""
        if self._queued and not self._bookings and not more_to_come:
            names = ", ".join(self._queued)
            kept = kept_for_slots(self._devices.values(), self._queued.values())
            raise PolicyStarved(f"the policy leaves jobs waiting on an idle machine: {names}{kept}")

    def _utilisation(self, kind: str, residents: Sequence[Resident]) -> float:
        """The sum over ``residents``, each time anew: a sum that was added to and taken from would
        drift, and 0.4 + 0.4 + 0.2 be more than 1. Rounded: 0.1 + 0.2 is no more than 0.3."""
        shares = [self._jobs[each.job].costs[kind].utilisation for each in residents]
        return round(math.fsum(shares), SHARE_DIGITS)

    def _in_use(self, device: DeviceView, held_bytes: int) -> int | None:
        """What was measured last; what jobs hold by the books if nothing measures it."""
        measures = self._readings is not None and self._readings.reads_memory
        return device.measured_bytes if measures else held_bytes

    def _measure(self) -> None:
        if self._readings is None or not self._readings.reads_memory:
            return
        for name, device in self._devices.items():
            others = self._readings.others_bytes(name)
            more = 0 if others is None else others - self._used.get(name, 0)
            self._used[name] = self._used.get(name, 0) + more
            self._devices[name] = device._replace(
                measured_bytes=self._readings.measured_bytes(name),
                booked_bytes=device.booked_bytes + more,
                held_bytes=device.held_bytes + more,
            )

    def _book(self, dispatch: Dispatch, policy: Policy, view: ClusterView) -> Booking:
        place = placed(dispatch, policy, view, self._slots)
        job, devices, slots = place.job, place.devices, place.slots
        cores = self.layout.cores(self.machine, devices[0].name, slots[0])[: place.threads]
        booking = Booking(
            order=self._order,
            job=job.id,
            devices=dispatch.devices,
            slot=slots[0],
            cores=cores,
            placement=dispatch.placement,
            tag=dispatch.tag,
            attempt=job.attempts + 1,
            booked_bytes=_booked_bytes(job.costs[devices[0].kind]),
            sharing=place.sharing,
            round=dispatch.round,
            barrier=dispatch.barrier,
        )
        self.rebook(booking, view.now_s, slots)
        return booking

    def rebook(self, booking: Booking, now_s: float, slots: Sequence[int] | None = None) -> None:
        """Carry out ``booking`` in the books, at ``now_s``: also one of an earlier life of the run.
        ``slots`` are those on its devices, the same on each if not given."""
        job = self._jobs[booking.job]
        for name, slot in zip(
            booking.devices, slots or [booking.slot] * len(booking.devices), strict=True
        ):
            device = self._devices[name]
            resident = Resident(
                job=job.id,
                slot=slot,
                tag=booking.tag,
                started_s=now_s,
                cores=booking.cores,
                placement=booking.placement,
                sharing=booking.sharing,
            )
            cost = job.costs[device.kind]
            residents = (*device.residents, resident)
            self._devices[name] = device._replace(
                booked_bytes=device.booked_bytes + _booked_bytes(cost),
                held_bytes=(held_bytes := device.held_bytes + cost.peak_bytes),
                measured_bytes=self._in_use(device, held_bytes),
                booked_utilisation=self._utilisation(device.kind, residents),
                residents=residents,
                last_order=booking.order,
                last_round=booking.round,
                last_started_s=now_s,
            )
            if device.free_slots == 1:
                self._free[device.kind].remove(name)
        del self._queued[job.id]
        self._queue.remove(job)
        self._jobs[job.id] = job._replace(state="running", attempts=booking.attempt)
        self._order = booking.order + 1
        self._bookings[job.id] = booking


def _booked_bytes(cost: DeviceCost) -> int:
    return round(MEMORY_MARGIN * cost.peak_bytes)
