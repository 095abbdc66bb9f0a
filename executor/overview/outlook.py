"""Predicts when a run will end: replays the rest of its schedule at the pace measured so far."""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Sequence
from dataclasses import replace

from executor.overview.pace import Pace
from executor.records.job_record import JobRecord
from executor.records.run_plan import RunPlan
from executor.records.run_records import ENDED, RunRecords
from rmixer.errors import RunFailed
from rmixer.policies.baselines.planned import Planned
from rmixer.scheduling.booking import Booking
from rmixer.scheduling.cluster import Cluster
from rmixer.scheduling.policy import Policy
from rmixer.scheduling.schedule import Schedule
from rmixer.scheduling.view import ClusterView, Dispatch


def ends_s(records: RunRecords, now_s: float) -> dict[str, float]:
    """The predicted end of each job that has not ended, in seconds of the run's clock. A job is
    left out if nothing is known of its step time or it could not start in the replay.

    A remaining step takes its predicted time x (measured / predicted time of the job's steps so
    far; those of all jobs if it has done too few). Other phases take their time alone. A program
    with an unknown number of steps has no end. A schedule is replayed as it is; under a policy that
    decides as it goes, jobs start in the predicted order.
    """
    return _Outlook(records, records.plan, now_s).ends_s if records.plan is not None else {}


class _Outlook:
    def __init__(self, records: RunRecords, plan: RunPlan, now_s: float) -> None:
        self._records, self._plan, self._pace = records, plan, Pace(records)
        self._now_s = now_s
        self.ends_s: dict[str, float] = {}
        self._cluster = Cluster(_Devices(plan), plan.layout, None, plan.used_bytes)  # type: ignore[arg-type]
        self._cluster.expect(records.jobs.values())
        self._events: list[tuple[float, int, str]] = []
        self._policy: Policy = _InOrder(plan)
        if plan.schedule is not None:
            self._policy = Planned(self._left_of(plan.schedule))
        self._begin()
        with contextlib.suppress(RunFailed):  # of a booking that the supervisor would refuse too
            self._go_on()

    def _left_of(self, schedule: Schedule) -> Schedule:
        """The schedule without the jobs that have ended, so that it need not look at them again."""
        ended = {job for job in self._records.jobs if self._records.state(job) in ENDED}
        left = tuple(each for each in schedule.dispatches if each.job not in ended)
        return replace(schedule, dispatches=left)

    def _begin(self) -> None:
        records, cluster = self._records, self._cluster
        for place, (job, known) in enumerate(records.jobs.items()):
            state = records.state(job)
            running = records.last(job) if state == "running" else None
            waits_s = max(known.job.arrival_s, records.again_s(job) or 0.0)
            if running is None and state not in ENDED and waits_s > self._now_s:
                heapq.heappush(self._events, (waits_s, place, job))
                continue
            cluster.submit(known.job, known.key, known.costs)
            if running is not None:
                cluster.rebook(running.booking, running.start_s)
                self._runs_until(job, running.booking, self._left_s(running))
            elif state in ENDED:
                cluster.withdraw(job)

    def _go_on(self) -> None:
        at_s = self._now_s
        while True:
            for booking in self._cluster.decide(self._policy, at_s):
                whole_s = self._whole_s(booking.job, booking)
                self._runs_until(booking.job, booking, whole_s, at_s)
            if not self._events:
                return
            at_s, _, job = heapq.heappop(self._events)
            if job in self._cluster.running:
                self._cluster.finish(job)
            else:
                known = self._records.jobs[job]
                self._cluster.submit(known.job, known.key, known.costs)

    def _runs_until(
        self, job: str, booking: Booking, left_s: float | None, at_s: float | None = None
    ) -> None:
        """Books a job until it ends. If its end is unknown, its slot is taken for ever."""
        if left_s is not None:
            self.ends_s[job] = (self._now_s if at_s is None else at_s) + left_s
            heapq.heappush(self._events, (self.ends_s[job], booking.order, job))

    def _whole_s(self, job: str, booking: Booking) -> float | None:
        """Seconds that a job takes from its start or from its last checkpoint."""
        attempts = self._records.attempts.get(job, ())
        made = max((attempt.checkpointed_steps for attempt in attempts), default=0)
        step_s, before_s, after_s, warm = self._costs(job, booking)
        if step_s is None:
            return None
        left = self._records.jobs[job].job.steps - max(made, warm)
        return before_s + max(0, left) * step_s + after_s

    def _left_s(self, record: JobRecord) -> float | None:
        job, now_s = record.job, self._now_s
        step_s, before_s, after_s, warm = self._costs(job.id, record.booking)
        if record.is_trained:
            last = record.phases[-2:] if record.phase == "save" else record.phases[-1:]
            over_s = next(at_s for phase, at_s in last if phase in ("evaluate", "save"))
            return max(0.0, after_s - (now_s - over_s))
        if step_s is None:
            return None
        if record.phase in ("train", "evaluate"):
            last_s = max([record.phases[-1][1], *record.step_ends_s[-1:]])
            train_s = max(0.0, (job.steps - record.steps) * step_s - (now_s - last_s))
            return train_s + after_s
        gone_s = now_s - record.start_s
        train = job.steps - max(warm, record.resumed_steps)
        return max(0.0, before_s - gone_s) + max(0, train) * step_s + after_s

    def _costs(self, job: str, booking: Booking) -> tuple[float | None, float, float, int]:
        """Seconds of a training step, before training and after it, and the number of warm-up
        steps."""
        kind, threads = booking.devices[0].partition(":")[0], len(booking.cores)
        cost = self._records.jobs[job].costs[kind]
        is_open = self._records.jobs[job].job.steps_from == "supposed"
        step_s = None if is_open else self._pace.step_s(job, kind, threads)
        between_s = cost.between_s.get(threads, 0.0)
        return (
            None if step_s is None else step_s + between_s,
            cost.before_s.get(threads, 0.0),
            cost.after_s.get(threads, 0.0),
            cost.warmup_steps,
        )


class _Devices:
    """The part of a machine that the books need. They need the number of cores of a job, not which
    cores it gets."""

    def __init__(self, plan: RunPlan) -> None:
        self.devices = plan.devices
        self.cores = tuple(range(sum(e.slots * e.threads for e in plan.layout.devices)))


class _InOrder(Policy):
    """Starts jobs in the predicted order, then in order of submission, on any device with room."""

    name = "in_order"

    def __init__(self, plan: RunPlan) -> None:
        super().__init__()
        self.memory = plan.memory
        self._start_s = {job: expected.start_s for job, expected in plan.jobs.items()}

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        late_s = float("inf")
        waiting = sorted(view.waiting(), key=lambda job: self._start_s.get(job.id, late_s))
        for job in waiting:
            for device in view.devices.values():
                if device.fits(job, self.memory):
                    return (Dispatch(job.id, (device.name,)),)
        return ()
