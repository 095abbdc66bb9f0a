"""A small run of a policy with the books that simulator and executor use."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from rmixer.scheduling.booking import Booking
from rmixer.scheduling.cluster import Cluster
from rmixer.scheduling.policy import Policy
from rmixer.scheduling.view import MIB, ClusterView, Dispatch, MemoryCheck
from rmixer.testing.policy_trials import Arriving, Crowded, Trial

UNBOOKED_BYTES = 2000 * MIB


@dataclass(frozen=True)
class Running:
    """A job from its start to its end, both in seconds of the run."""

    each: Arriving
    begin_s: float
    end_s: float


class TrialRun:
    """One run of ``trial``; ``now_s`` is its present time."""

    reads_memory = True

    def __init__(self, trial: Trial, draw: random.Random) -> None:
        self._trial, self._draw = trial, draw
        self.now_s = 0.0
        self.cluster = Cluster(
            trial.place.machine, trial.layout, Crowded(trial), trial.used_bytes, readings=self
        )
        self._running: dict[str, Running] = {}
        self.bookings: list[Booking] = []
        self.is_overfull = False

    def go(self, policy: Policy) -> None:
        """Runs to the end of the last job. Raises the books' errors for a policy that is wrong or
        leaves jobs waiting."""
        to_come = list(self._trial.jobs)
        begun = self._trial.begun
        again_s: float | None = None
        while to_come or self._running or again_s is not None:
            self.now_s = min(
                [job.job.arrival_s for job in to_come[:1]]
                + [running.end_s for running in self._running.values()]
                + ([] if again_s is None else [again_s])
            )
            self._end_jobs()
            while to_come and to_come[0].job.arrival_s <= self.now_s:
                each = to_come.pop(0)
                self.cluster.submit(each.job, each.known.identity, each.known.costs)
            if begun:
                self._decide(Stranger(self._draw, begun, policy.memory))
                begun = 0
            self._decide(policy)
            wanted_s = self.cluster.ask_again_s(policy, self.now_s)
            again_s = None if wanted_s is None else self.now_s + wanted_s
            self.cluster.check_progress(more_to_come=bool(to_come) or again_s is not None)

    def steps_made(self, job: str) -> float:
        """See :class:`rmixer.scheduling.readings.Readings`."""
        if job not in self._running:
            return 0.0
        running = self._running[job]
        share = (self.now_s - running.begin_s) / (running.end_s - running.begin_s)
        return running.each.job.steps * share

    def measured_bytes(self, device: str) -> int:
        """The booked bytes; a GPU that has not settled yet holds more."""
        unsettled = device.startswith("gpu") and self.now_s < self._trial.settled_s
        booked = self.cluster.view(self.now_s).devices[device].booked_bytes
        return booked + (UNBOOKED_BYTES if unsettled else 0)

    def others_bytes(self, device: str) -> int | None:
        """Returns None: there are no other programs."""
        return None

    def _decide(self, policy: Policy) -> None:
        by_id = {each.job.id: each for each in self._trial.jobs}
        for booking in self.cluster.decide(policy, self.now_s):
            each, kind = by_id[booking.job], booking.devices[0].partition(":")[0]
            end_s = self.now_s + each.lasts_s(kind, len(booking.cores))
            self._running[booking.job] = Running(each, self.now_s, end_s)
            self.bookings.append(booking)
        for device in self.cluster.view(self.now_s).devices.values():
            self.is_overfull |= device.held_bytes >= device.memory_bytes

    def _end_jobs(self) -> None:
        ended = [name for name, each in self._running.items() if each.end_s <= self.now_s]
        for name in ended:
            self.cluster.finish(name, "failed" if self._running.pop(name).each.fails else "done")


class Stranger(Policy):
    """Starts some jobs anywhere. The policy under test then continues, as if a user changed to it
    in the middle of a run."""

    name = "stranger"

    def __init__(self, draw: random.Random, jobs: int, memory: MemoryCheck) -> None:
        super().__init__()
        self._draw, self._left, self.memory = draw, jobs, memory

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        able = [
            Dispatch(job.id, (device.name,))
            for job in view.waiting()
            for device in view.devices.values()
            if device.fits(job, self.memory)
        ]
        if not able or not self._left:
            return ()
        self._left -= 1
        return [self._draw.choice(able)]
