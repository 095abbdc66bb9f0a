"""Replay of a schedule: a static plan is a policy too."""

from __future__ import annotations

from collections.abc import Sequence

from rmixer.hardware.machine import Machine
from rmixer.scheduling.layout import Cut, Layout
from rmixer.scheduling.policy import Policy
from rmixer.scheduling.schedule import Schedule, ScheduledJob
from rmixer.scheduling.view import ClusterView, Dispatch, JobView


class Planned(Policy):
    """A job starts when its slot is free, the earlier orders of that slot have started, every
    job of the earlier rounds has ended (of those on its devices, if that is the barrier), and its
    memory fits.

    A job that is not in the schedule, for it was added later, starts in a slot in which nothing
    more is to start by the schedule: in order of submission, the first that fits."""

    name = "planned"

    def __init__(self, schedule: Schedule) -> None:
        super().__init__(schedule.settings.seed)
        self._schedule = schedule
        self.memory = schedule.settings.memory
        self._ordered = sorted(schedule.dispatches, key=lambda dispatch: dispatch.order)
        self._planned = {planned.job for planned in self._ordered}
        self._last_round = max((planned.round for planned in self._ordered), default=0)

    @property
    def schedule(self) -> Schedule:
        """What is replayed."""
        return self._schedule

    @property
    def origin(self) -> str:
        return self._schedule.policy

    def layout(self, machine: Machine, jobs: int, cut: Cut) -> Layout:
        return self._schedule.settings.layout

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        blocked: set[tuple[str, int]] = set()
        coming = [planned for planned in self._ordered if not _has_ended(view, planned)]
        for planned in self._ordered:
            job = view.jobs.get(planned.job)
            if job is not None and job.state != "queued":
                continue
            places = {(device, planned.slot) for device in planned.devices}
            its_turn = _is_open(planned, coming) and not places & blocked
            if job is not None and its_turn and self._has_room(view, planned, job):
                return (_dispatch(planned),)
            blocked |= places
        return self._added(view, blocked)

    def _added(self, view: ClusterView, claimed: set[tuple[str, int]]) -> Sequence[Dispatch]:
        """Starts a job that the schedule does not know, in a slot that it has not ``claimed``."""
        for job in view.waiting():
            if job.id in self._planned:
                continue
            for device in view.devices.values():
                taken = {resident.slot for resident in device.residents}
                taken |= {slot for name, slot in claimed if name == device.name}
                free = next((slot for slot in range(device.slots) if slot not in taken), None)
                if free is not None and device.fits(job, self.memory):
                    return (Dispatch(job.id, (device.name,), slot=free, round=self._last_round),)
        return ()

    def _has_room(self, view: ClusterView, planned: ScheduledJob, job: JobView) -> bool:
        devices = [view.devices[name] for name in planned.devices]
        return all(
            device.fits(job, self.memory) and planned.slot not in {r.slot for r in device.residents}
            for device in devices
        )


def _has_ended(view: ClusterView, planned: ScheduledJob) -> bool:
    return planned.job in view.jobs and view.jobs[planned.job].state in ("done", "failed")


def _is_open(planned: ScheduledJob, coming: Sequence[ScheduledJob]) -> bool:
    """Whether no job of those ``coming``, which have not ended, is of an earlier round."""
    on_devices = set(planned.devices)
    return all(
        other.round >= planned.round
        for other in coming
        if planned.barrier == "machine" or on_devices & set(other.devices)
    )


def _dispatch(planned: ScheduledJob) -> Dispatch:
    return Dispatch(
        planned.job,
        planned.devices,
        planned.placement,
        slot=planned.slot,
        threads=planned.threads,
        sharing=planned.sharing,
        round=planned.round,
        barrier=planned.barrier,
    )
