"""The books of a run's devices: the jobs on each, and its booked memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from rmixer.hardware.machine import Machine
from rmixer.scheduling.booking import Booking, booked_bytes
from rmixer.scheduling.layout import Layout
from rmixer.scheduling.readings import Readings
from rmixer.scheduling.sorted_by_key import SortedByKey
from rmixer.scheduling.view import (
    MEMORY_MARGIN,
    MIB,
    SHARE_DIGITS,
    DeviceView,
    JobView,
    Resident,
)

GPU_WORKER_BYTES = 308 * MIB


class DeviceBooks:
    """The devices of ``machine`` that have slots in ``layout``. ``jobs`` is a live mapping of those
    of the run; ``used_bytes`` is the memory in use on each device before the run starts."""

    def __init__(
        self,
        machine: Machine,
        layout: Layout,
        jobs: Mapping[str, JobView],
        used_bytes: Mapping[str, int],
        readings: Readings | None,
    ) -> None:
        self._jobs, self._readings = jobs, readings
        used = self._used = dict(used_bytes)
        self._used_first = dict(used)
        slots = {entry.device: entry for entry in layout.devices}
        self._devices = {
            device.name: DeviceView(
                name=device.name,
                kind=device.kind,
                memory_bytes=device.memory_bytes,
                slots=slots[device.name].slots,
                threads=slots[device.name].threads,
                booked_bytes=used.get(device.name, 0),
                held_bytes=used.get(device.name, 0),
                booked_utilisation=0.0,
                residents=(),
            )
            for device in machine.devices
            if device.name in slots
        }
        places = {name: place for place, name in enumerate(self._devices)}
        self._free = {
            kind: SortedByKey(
                (d.name for d in self._devices.values() if d.kind == kind), places.__getitem__
            )
            for kind in ("gpu", "cpu")
        }
        self.view = MappingProxyType(self._devices)
        """The devices by their names, as a live view."""
        self.free = self._free.__getitem__
        """Returns the names of the devices of a kind that have a free slot, in order, as a live
        view."""

    def hold_contexts(self, context_bytes: int) -> None:
        """Books ``context_bytes`` of each GPU's memory for every slot but one: its slots have warm
        workers. Call it before anything is booked."""
        for name, device in self._devices.items():
            if device.kind == "gpu":
                more = context_bytes * (device.slots - 1)
                self._devices[name] = device._replace(
                    context_bytes=context_bytes,
                    booked_bytes=device.booked_bytes + more,
                    held_bytes=device.held_bytes + more,
                )

    def occupy(self, job: JobView, booking: Booking, now_s: float) -> None:
        """Places ``job`` as ``booking`` says."""
        (name,) = booking.devices
        device = self._devices[name]
        resident = Resident(
            job=job.id,
            slot=booking.slot,
            tag=booking.tag,
            started_s=now_s,
            cores=booking.cores,
            placement=booking.placement,
            sharing=booking.sharing,
        )
        cost = job.costs[device.kind]
        residents = (*device.residents, resident)
        held_bytes = device.held_bytes + cost.peak_bytes - device.taken_over(cost)
        self._devices[name] = device._replace(
            booked_bytes=device.booked_bytes + booked_bytes(cost) - device.taken_over(cost),
            held_bytes=held_bytes,
            measured_bytes=self._in_use(device, held_bytes),
            booked_utilisation=self._utilisation(device.kind, residents),
            residents=residents,
            last_order=booking.order,
            last_round=booking.round,
            last_started_s=now_s,
        )
        if device.free_slots == 1:
            self._free[device.kind].remove(name)

    def leave(self, job: JobView, booking: Booking) -> None:
        """Removes ``job`` from the place of ``booking``."""
        (name,) = booking.devices
        device = self._devices[name]
        cost = job.costs[device.kind]
        residents = tuple(r for r in device.residents if r.job != job.id)
        booked = device.booked_bytes - booked_bytes(cost) + device.taken_over(cost)
        if device.kind == "gpu":
            booked = max(booked, GPU_WORKER_BYTES * device.slots)
        held_bytes = device.held_bytes - cost.peak_bytes + device.taken_over(cost)
        self._devices[name] = device._replace(
            residents=residents,
            booked_bytes=booked,
            held_bytes=held_bytes,
            measured_bytes=self._in_use(device, held_bytes),
            booked_utilisation=self._utilisation(device.kind, residents),
        )
        if device.free_slots == 0:
            self._free[device.kind].add(name)

    def measure(self) -> None:
        """Reads the memory in use, if it can be read."""
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

    def most_bytes(self, device: str) -> int:
        """The largest peak that a job may have on ``device`` if it is alone there."""
        found = self._devices[device]
        used = self._used.get(device, 0) + found.context_bytes * (found.slots - 1)
        return int((found.memory_bytes - used) / MEMORY_MARGIN) - 1

    def are_crowded(self, queued: Iterable[JobView]) -> bool:
        """True if one of ``queued`` waits only because others hold more memory than at the
        start."""
        waiting = list(queued)
        for name, device in self._devices.items():
            grown = self._used.get(name, 0) - self._used_first.get(name, 0)
            before = device._replace(
                booked_bytes=device.booked_bytes - grown, held_bytes=device.held_bytes - grown
            )
            if grown > 0 and any(before.fits(job) and not device.fits(job) for job in waiting):
                return True
        return False

    def _utilisation(self, kind: str, residents: Sequence[Resident]) -> float:
        """The sum over ``residents``, computed anew each time: a running sum would drift, and 0.4 +
        0.4 + 0.2 would exceed 1. It is rounded, so that 0.1 + 0.2 does not exceed 0.3."""
        shares = [self._jobs[each.job].costs[kind].utilisation for each in residents]
        return round(math.fsum(shares), SHARE_DIGITS)

    def _in_use(self, device: DeviceView, held_bytes: int) -> int | None:
        """The last measured bytes in use; without measurements the bytes that jobs hold by the
        books."""
        measures = self._readings is not None and self._readings.reads_memory
        return device.measured_bytes if measures else held_bytes
