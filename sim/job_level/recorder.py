"""Writes a simulated run down: rows of its timeline, and sums that its summary needs."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter

from simpy import Environment

from rmixer.run_record.timeline import Interval, Timeline
from rmixer.scheduling.cluster import Booking
from rmixer.scheduling.step_times import Member
from rmixer.workload.workload import Job
from sim.clock.end_of_instant import RECORD, Once
from sim.clock.progress import Running
from sim.demand.resident import device_kind

STEADY_STEPS = 20


@dataclass
class _Open:
    """A phase under way: since when, for training, the mix has been ``mix``, and how many steps
    were made by then and by the last change of anything."""

    job: Job
    booking: Booking
    member: Member
    running: Running
    steps: int
    since_s: float
    made_before: float = 0.0
    made_last: float = 0.0
    mix: tuple[Member, ...] | None = None

    @property
    def training(self) -> bool:
        return self.member.phase == "train"


class Recorder:
    """Told when phases begin and end; looks at all of them once, at the end of that instant.

    ``trained`` has the ``train`` rows of each job in order. Such a row ends only where the mix of
    residents and phases becomes another one. Not ``in_company``, where no mix changes anything, a
    phase is one row, and nobody looks at the others.
    """

    def __init__(self, env: Environment, run: str, in_company: bool = True) -> None:
        self.timeline = Timeline()
        self.trained: dict[str, list[Interval]] = {}
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
        self._fewest = float("inf")
        self._busy_cores = 0

    @property
    def transient_fraction(self) -> float:
        """The share of the makespan in which a resident in company made fewer than 20 steps."""
        makespan_s = max(self.ends_s.values()) - min(self.starts_s.values())
        return self._transient_s / makespan_s if makespan_s > 0 else 0.0

    def queued(self, job: Job, booking: Booking) -> None:
        """The job has been dispatched."""
        now_s = self._env.now
        self.starts_s[job.id] = self.ends_s[job.id] = now_s
        if now_s > job.arrival_s:
            self._row(job, booking, "queued", job.arrival_s, now_s)

    def begin(
        self, job: Job, booking: Booking, member: Member, running: Running, steps: int
    ) -> None:
        """A phase that makes ``steps`` steps has begun."""
        self._open[job.id] = _Open(job, booking, member, running, steps, self._env.now)
        self._look()

    def end(self, job: str) -> None:
        """The job's present phase has ended."""
        phase = self._open.pop(job)
        self.ends_s[job] = now_s = self._env.now
        if phase.training:
            self._fewest = min(self._fewest, phase.steps - phase.made_last)
        steps = phase.steps - phase.made_before
        self._row(phase.job, phase.booking, phase.member.phase, phase.since_s, now_s, steps)
        self._look()

    def close(self) -> None:
        """The run has ended."""
        if self._in_company:
            self._record()

    def _look(self) -> None:
        if self._in_company:
            self._changed.ask()

    def _record(self) -> None:
        now_s = self._env.now
        training = [phase for phase in self._open.values() if phase.training]
        made = [phase.running.made() for phase in training]
        if now_s > self._last_s:
            for phase, steps in zip(training, made, strict=True):
                if phase.mix is not None:
                    self._fewest = min(self._fewest, steps - phase.made_last)
            elapsed_s = now_s - self._last_s
            self.busy_core_s += elapsed_s * self._busy_cores
            if self._company > 1 and self._fewest < STEADY_STEPS:
                self._transient_s += elapsed_s
        self._fewest = float("inf")
        mix = tuple(sorted((phase.member for phase in self._open.values()), key=_key))
        for phase, steps in zip(training, made, strict=True):
            self._cut(phase, mix, steps)
        self._last_s, self._company = now_s, len(self._open)
        self._busy_cores = len(
            {core for p in self._open.values() for core in _busy_cores(p.member)}
        )

    def _cut(self, phase: _Open, mix: tuple[Member, ...], made: float) -> None:
        """End the row of ``phase`` here if the mix is another one now."""
        now_s = self._env.now
        if phase.mix not in (None, mix) and now_s > phase.since_s:
            steps = made - phase.made_before
            self._row(phase.job, phase.booking, "train", phase.since_s, now_s, steps)
            phase.since_s, phase.made_before = now_s, made
        phase.mix, phase.made_last = mix, made

    def _row(
        self,
        job: Job,
        booking: Booking,
        kind: str,
        start_s: float,
        end_s: float,
        steps: float = 0.0,
    ) -> None:
        device = booking.devices[0]
        interval = Interval(
            run=self.run,
            job=job.id,
            attempt=booking.attempt,
            name=job.model,
            kind=kind,
            device=device,
            slot=booking.slot,
            lane=device_kind(device),
            start_s=start_s,
            duration_s=end_s - start_s,
            steps=steps,
        )
        self.timeline.add(interval)
        if kind == "train":
            self.trained.setdefault(job.id, []).append(interval)


_key = attrgetter("key")


def _busy_cores(member: Member) -> tuple[int, ...]:
    return member.cores[:1] if member.phase in ("build", "save") else member.cores
