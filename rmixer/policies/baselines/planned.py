"""Replay of a schedule: a static plan is a policy too."""

from __future__ import annotations

from collections.abc import Sequence

from rmixer.hardware.machine import Machine
from rmixer.scheduling.layout import Layout
from rmixer.scheduling.policy import Policy
from rmixer.scheduling.schedule import Schedule, ScheduledJob
from rmixer.scheduling.view import ClusterView, Dispatch, JobView


class Planned(Policy):
    """A job starts when its slot is free, the earlier orders of that slot have started, every
    job of the earlier rounds has ended, and its memory fits."""

    name = "planned"

    def __init__(self, schedule: Schedule) -> None:
        super().__init__(schedule.settings.seed)
        self._schedule = schedule
        self._ordered = sorted(schedule.dispatches, key=lambda dispatch: dispatch.order)

    @property
    def origin(self) -> str:
        return self._schedule.policy

    def layout(self, machine: Machine, jobs: int, slots: int, threads: int) -> Layout:
        return self._schedule.settings.layout

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        blocked: set[tuple[str, int]] = set()
        open_round = self._open_round(view)
        for planned in self._ordered:
            job = view.jobs.get(planned.job)
            if job is not None and job.state != "queued":
                continue
            places = {(device, planned.slot) for device in planned.devices}
            its_turn = planned.round <= open_round and not places & blocked
            if job is not None and its_turn and self._has_room(view, planned, job):
                return (_dispatch(planned),)
            blocked |= places
        return ()

    def _open_round(self, view: ClusterView) -> int:
        """The first round that has a job which has not ended."""
        ended = {job.id for job in view.jobs.values() if job.state in ("done", "failed")}
        return min((p.round for p in self._ordered if p.job not in ended), default=0)

    def _has_room(self, view: ClusterView, planned: ScheduledJob, job: JobView) -> bool:
        devices = [view.devices[name] for name in planned.devices]
        return all(
            device.fits(job) and planned.slot not in {r.slot for r in device.residents}
            for device in devices
        )


def _dispatch(planned: ScheduledJob) -> Dispatch:
    return Dispatch(
        planned.job,
        planned.devices,
        planned.placement,
        slot=planned.slot,
        threads=planned.threads,
        sharing=planned.sharing,
    )
