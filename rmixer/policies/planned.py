"""Replay of a schedule: a static plan is a policy too."""

from __future__ import annotations

from collections.abc import Sequence

from rmixer.layout import Layout
from rmixer.machine import Machine
from rmixer.policies.base import Policy
from rmixer.policies.view import ClusterView, Dispatch
from rmixer.schedule import Schedule, ScheduledJob


class Planned(Policy):
    """A job starts when its slot is free, the earlier orders of that slot have started, every
    job of the earlier rounds has ended, and its memory fits."""

    name = "planned"
    fixed_layout = True

    def __init__(self, schedule: Schedule) -> None:
        super().__init__(schedule.settings.seed)
        self._schedule = schedule
        self._ordered = sorted(schedule.dispatches, key=lambda dispatch: dispatch.order)

    def layout(self, machine: Machine, jobs: int, slots: int, threads: int) -> Layout:
        return self._schedule.settings.layout

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        blocked: set[tuple[str, int]] = set()
        open_round = self._open_round(view)
        for planned in self._ordered:
            places = {(device, planned.slot) for device in planned.devices}
            job = view.jobs.get(planned.job)
            if job is not None and job.state != "queued":
                continue
            ready = job is not None and planned.round <= open_round and not places & blocked
            if ready and job is not None and self._free(view, planned):
                if all(view.devices[name].fits(job) for name in planned.devices):
                    return (
                        Dispatch(job.id, planned.devices, planned.placement, slot=planned.slot),
                    )
            blocked |= places
        return ()

    def _open_round(self, view: ClusterView) -> int:
        """The first round that has a job which has not ended."""
        for planned in sorted(self._ordered, key=lambda dispatch: dispatch.round):
            job = view.jobs.get(planned.job)
            if job is None or job.state in ("queued", "running"):
                return planned.round
        return 0

    def _free(self, view: ClusterView, planned: ScheduledJob) -> bool:
        return all(
            planned.slot not in {resident.slot for resident in view.devices[name].residents}
            for name in planned.devices
        )
