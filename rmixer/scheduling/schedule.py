"""``schedule.json``: the place and the order of all jobs, as a policy decided them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from rmixer.errors import InputError, choice
from rmixer.files.strict import Strict
from rmixer.files.typed_files import load_json, parse
from rmixer.hardware.machine import Machine, check_schema
from rmixer.scheduling.booking import Booking
from rmixer.scheduling.layout import Layout, Sharing
from rmixer.scheduling.policy import Policy
from rmixer.scheduling.view import Barrier, MemoryCheck
from rmixer.workload.workload import Workload

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True)
class ScheduledJob(Strict):
    """One dispatch. A barrier separates the jobs of one ``round`` from the next, on the whole
    ``machine`` or on one ``device``; dynamic policies have one round. ``batch`` is None if it is
    the workload's."""

    order: Annotated[int, Field(ge=0)]
    round: Annotated[int, Field(ge=0)]
    job: str
    devices: Annotated[tuple[str, ...], Field(min_length=1)]
    slot: Annotated[int, Field(ge=0)]
    threads: Annotated[int, Field(gt=0)]
    placement: str
    sharing: Sharing
    barrier: Barrier = "machine"
    batch: Annotated[int, Field(gt=0)] | None = None


@dataclass(frozen=True)
class Settings(Strict):
    """The settings that the schedule's policy ran with."""

    seed: int
    layout: Layout
    memory: MemoryCheck = "margin"


@dataclass(frozen=True)
class Schedule(Strict):
    """A schedule of one workload on one machine; ``machine`` is the name of its machine file."""

    workload_hash: str
    machine: str
    policy: str
    settings: Settings
    dispatches: tuple[ScheduledJob, ...]
    schema_version: Literal[1] = SCHEMA_VERSION

    @property
    def batches(self) -> dict[str, int]:
        """The batch of each job whose batch differs from the workload's, by id."""
        return {each.job: each.batch for each in self.dispatches if each.batch is not None}

    def with_batches(self, batches: Mapping[str, int]) -> Schedule:
        """Returns the schedule with other ``batches`` than the workload's, by job."""
        found = [replace(each, batch=batches.get(each.job)) for each in self.dispatches]
        return replace(self, dispatches=tuple(found))

    def check(self, workload: Workload, machine: Machine, where: object) -> None:
        """Raises :class:`InputError` unless this is a schedule of exactly these jobs for devices
        and slots that ``machine`` has."""
        if self.workload_hash != workload.hash:
            allowed = f"{workload.hash}, the hash of workload {workload.name!r}"
            raise InputError(where, "workload_hash", repr(self.workload_hash), allowed)
        known = {device.name for device in machine.devices}
        for index, dispatch in enumerate(self.dispatches):
            for device in dispatch.devices:
                if device not in known:
                    allowed = f"a device of {machine.name}: {', '.join(sorted(known))}"
                    raise InputError(where, f"dispatches.{index}.devices", repr(device), allowed)
        try:
            self.settings.layout.check(machine, where)
        except InputError as error:
            key = f"settings.layout: {error.key}"
            raise InputError(where, key, error.found, error.allowed) from None
        self._check_slots(where)
        self._check_jobs([job.id for job in workload.jobs], where)

    def _check_slots(self, where: object) -> None:
        layout = {entry.device: entry for entry in self.settings.layout.devices}
        for index, dispatch in enumerate(self.dispatches):
            for device in dispatch.devices:
                place = layout.get(device)
                if place is None:
                    allowed = f"a device of settings.layout: {', '.join(layout)}"
                    raise InputError(where, f"dispatches.{index}.devices", repr(device), allowed)
                if dispatch.slot >= place.slots:
                    allowed = f"a slot of {device}: 0 to {place.slots - 1}"
                    raise InputError(where, f"dispatches.{index}.slot", dispatch.slot, allowed)
                if dispatch.threads > place.threads:
                    allowed = f"at most {place.threads}, the threads of a slot of {device}"
                    raise InputError(
                        where, f"dispatches.{index}.threads", dispatch.threads, allowed
                    )

    def _check_jobs(self, jobs: Sequence[str], where: object) -> None:
        planned: dict[str, int] = {}
        orders: dict[int, int] = {}
        for index, dispatch in enumerate(self.dispatches):
            key = f"dispatches.{index}"
            if dispatch.job not in jobs:
                allowed = f"a job of the workload: {choice(dispatch.job, jobs)}"
                raise InputError(where, f"{key}.job", repr(dispatch.job), allowed)
            if dispatch.job in planned:
                found = f"{dispatch.job!r}, as in dispatches.{planned[dispatch.job]}"
                raise InputError(where, f"{key}.job", found, "every job once")
            if dispatch.order in orders:
                found = f"{dispatch.order}, as in dispatches.{orders[dispatch.order]}"
                raise InputError(where, f"{key}.order", found, "every order once")
            planned[dispatch.job] = orders[dispatch.order] = index
        missing = [job for job in jobs if job not in planned]
        if missing:
            found = f"nothing for {', '.join(missing)}"
            raise InputError(where, "dispatches", found, "every job of the workload")


def schedule_of(
    workload: Workload,
    machine: Machine,
    policy: Policy,
    layout: Layout,
    bookings: Iterable[Booking],
) -> Schedule:
    """The schedule made from the bookings of a run by ``policy``."""
    return Schedule(
        workload_hash=workload.hash,
        machine=machine.name,
        policy=policy.origin,
        settings=Settings(policy.seed, layout, policy.memory),
        dispatches=tuple(
            ScheduledJob(
                order=booking.order,
                round=booking.round,
                job=booking.job,
                devices=booking.devices,
                slot=booking.slot,
                threads=len(booking.cores),
                placement=booking.placement,
                sharing=booking.sharing,
                barrier=booking.barrier,
            )
            for booking in sorted(bookings, key=lambda booking: booking.order)
        ),
    )


def read_schedule(path: Path) -> Schedule:
    """The schedule at ``path``; raises :class:`InputError`."""
    data: Any = load_json(path, "schedule")
    check_schema(data, path, SCHEMA_VERSION)
    return parse(data, Schedule, path)
