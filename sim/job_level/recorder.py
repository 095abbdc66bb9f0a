"""Records a simulated run: the rows of its timeline, and the sums for its summary."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import inf
from operator import attrgetter

from simpy import Environment

from rmixer.run_record.timeline import Row
from rmixer.scheduling.booking import Booking
from rmixer.scheduling.step_times import Member
from rmixer.workload.workload import Job
from sim.clock.instants import RECORD, Once
from sim.clock.progress import Running
from sim.demand.resident import ON_ONE_CORE, device_kind

STEADY_STEPS = 20


@dataclass(slots=True)
class _Open:
    """A phase that runs. Of its ``steps``, ``made_before`` were done when its present row began, at
    ``since_s``, and ``made_last`` when the phases were last looked at. ``head`` holds the first
    fields of all of its rows."""

    head: Row
    member: Member
    running: Running
    steps: int
    since_s: float
    training: bool
    busy_cores: tuple[int, ...]
    made_before: float = 0.0
    made_last: float = 0.0


class Recorder:
    """Hears when phases begin and end, and looks at all of them once at the end of that instant.

    ``rows`` are the fields of intervals. ``trained`` has the seconds and the steps of each job's
    ``train`` rows in order. Such a row ends where the mix of residents and phases changes. With
    ``in_company`` false no job slows another: a phase is one row and the others are not looked at.
    """

    def __init__(self, env: Environment, run: str, in_company: bool = True) -> None:
        self.rows: list[Row] = []
        self.trained: dict[str, list[tuple[float, float]]] = {}
        self.ends_s: dict[str, float] = {}
        self.starts_s: dict[str, float] = {}
        self.busy_core_s = 0.0
        self._transient_s = 0.0
        self._env, self.run = env, run
        self._open: dict[str, _Open] = {}
        self._in_company = in_company
        self._changed = Once(env, RECORD, self._record)
        self._last_s = 0.0
        self._company = 0
        self._fewest = inf
        self._begun: list[Member] = []
        self._ended: list[Member] = []
        self._phases_on: Counter[int] = Counter()
        self._busy_cores = 0

    @property
    def transient_fraction(self) -> float:
        """The share of the makespan in which a job with neighbours did fewer than 20 steps before
        the mix changed."""
        makespan_s = max(self.ends_s.values()) - min(self.starts_s.values())
        return self._transient_s / makespan_s if makespan_s > 0 else 0.0

    def queued(self, job: Job, booking: Booking) -> None:
        """The job has been dispatched."""
        now_s = self._env.now
        self.starts_s[job.id] = self.ends_s[job.id] = now_s
        if now_s > job.arrival_s:
            head = self._head(job, booking, "queued")
            self.rows.append((*head, job.arrival_s, now_s - job.arrival_s, 0.0))

    def begin(
        self, job: Job, booking: Booking, member: Member, running: Running, steps: int
    ) -> None:
        """A phase of ``steps`` steps has begun."""
        busy_cores = member.cores[:1] if member.phase in ON_ONE_CORE else member.cores
        for core in busy_cores:
            self._phases_on[core] += 1
        self._open[job.id] = _Open(
            head=self._head(job, booking, member.phase),
            member=member,
            running=running,
            steps=steps,
            since_s=self._env.now,
            training=member.phase == "train",
            busy_cores=busy_cores,
        )
        if self._in_company:
            self._begun.append(member)
            self._changed.ask()

    def end(self, job: str) -> None:
        """The job's present phase has ended."""
        phase = self._open.pop(job)
        self.ends_s[job] = self._env.now
        if phase.training:
            self._fewest = min(self._fewest, phase.steps - phase.made_last)
        self._cut(job, phase, phase.steps)
        for core in phase.busy_cores:
            self._phases_on[core] -= 1
            if not self._phases_on[core]:
                del self._phases_on[core]
        if self._in_company:
            self._ended.append(phase.member)
            self._changed.ask()

    def close(self) -> None:
        """The run has ended."""
        if self._in_company:
            self._record()

    def _record(self) -> None:
        now_s = self._env.now
        elapsed_s = now_s - self._last_s
        another_mix = sorted(self._begun, key=_key) != sorted(self._ended, key=_key)
        fewest = self._fewest
        for job, phase in self._open.items():
            if phase.training and now_s > phase.since_s:
                made = phase.running.made()
                fewest = min(fewest, made - phase.made_last)
                phase.made_last = made
                if another_mix:
                    self._cut(job, phase, made)
        self.busy_core_s += elapsed_s * self._busy_cores
        if self._company > 1 and fewest < STEADY_STEPS:
            self._transient_s += elapsed_s
        self._begun, self._ended, self._fewest = [], [], inf
        self._last_s, self._company = now_s, len(self._open)
        self._busy_cores = len(self._phases_on)

    def _cut(self, job: str, phase: _Open, made: float) -> None:
        """End the row of ``phase`` here."""
        now_s = self._env.now
        duration_s, steps = now_s - phase.since_s, made - phase.made_before
        self.rows.append((*phase.head, phase.since_s, duration_s, steps))
        if phase.training:
            self.trained.setdefault(job, []).append((duration_s, steps))
        phase.since_s, phase.made_before = now_s, made

    def _head(self, job: Job, booking: Booking, kind: str) -> Row:
        device = booking.devices[0]
        run = (self.run, job.id, booking.attempt, job.model, kind)
        return (*run, device, booking.slot, device_kind(device))


_key = attrgetter("key")
