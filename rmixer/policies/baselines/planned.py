"""Replays a schedule: a static plan is a policy too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rmixer.hardware.machine import Machine
from rmixer.scheduling.layout import Cut, Layout
from rmixer.scheduling.policy import Policy
from rmixer.scheduling.schedule import Schedule, ScheduledJob
from rmixer.scheduling.view import ClusterView, Dispatch, JobView

_ALL = ""


class Planned(Policy):
    """A job starts when its slot is free, the earlier orders of that slot have started, every job
    of the earlier rounds has ended (only those on its devices, if that is the barrier), and its
    memory fits.

    A job that was added later is not in the schedule. It starts in a slot in which the schedule
    starts nothing more: in order of submission, the first that fits.
    """

    name = "planned"
    heeds_priority = False  # who planned it did

    def __init__(self, schedule: Schedule) -> None:
        super().__init__(schedule.settings.seed)
        self._schedule = schedule
        self.memory = schedule.settings.memory
        self._ordered = sorted(schedule.dispatches, key=lambda dispatch: dispatch.order)
        self._planned = {planned.job for planned in self._ordered}
        self._has_rounds = len({planned.round for planned in self._ordered}) > 1
        self._slots = sum(entry.slots for entry in schedule.settings.layout.devices)
        self._last_round = max((planned.round for planned in self._ordered), default=0)

    @property
    def schedule(self) -> Schedule:
        """The schedule that is replayed."""
        return self._schedule

    @property
    def origin(self) -> str:
        return self._schedule.policy

    def layout(self, machine: Machine, jobs: int, cut: Cut) -> Layout:
        return self._schedule.settings.layout

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        blocked: set[tuple[str, int]] = set()
        in_rounds = self._ordered if self._has_rounds else ()
        open_rounds = _OpenRounds(each for each in in_rounds if not _has_ended(view, each))
        for planned in self._ordered:
            job = view.jobs.get(planned.job)
            if job is not None and job.state != "queued":
                continue
            places = {(device, planned.slot) for device in planned.devices}
            its_turn = not places & blocked and open_rounds.has(planned)
            if job is not None and its_turn and self._has_room(view, planned, job):
                return (_dispatch(planned),)
            blocked |= places
            if len(blocked) == self._slots:
                return ()
        return self._added(view, blocked)

    def _added(self, view: ClusterView, claimed: set[tuple[str, int]]) -> Sequence[Dispatch]:
        """Starts a job that is not in the schedule, in a slot that it has not ``claimed``."""
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


class _OpenRounds:
    """The first open round of the jobs ``coming``, which have not ended, on each device and of
    all."""

    def __init__(self, coming: Iterable[ScheduledJob]) -> None:
        self._first: dict[str, int] = {}
        for planned in coming:
            for name in (*planned.devices, _ALL):
                self._first[name] = min(planned.round, self._first.get(name, planned.round))

    def has(self, planned: ScheduledJob) -> bool:
        """True if none of them is of an earlier round than ``planned``, within its barrier."""
        names = (_ALL,) if planned.barrier == "machine" else planned.devices
        return all(planned.round <= self._first.get(name, planned.round) for name in names)


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
