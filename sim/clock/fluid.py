"""Work that flows: activities are served at once, each at a rate that depends on the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import Generic, TypeVar

from simpy import Environment, Event, Timeout

from sim.clock.instants import REFLOW, Once

Demand = TypeVar("Demand")


class Activity(Generic[Demand]):
    """``work`` units of something (infinite: it never ends). ``made`` units were done at the
    server's last change; ``done`` fires when all are."""

    __slots__ = ("demand", "done", "made", "rate", "work")

    def __init__(self, env: Environment, demand: Demand, work: float) -> None:
        self.demand, self.work = demand, work
        self.made = self.rate = 0.0
        self.done: Event = env.event()


class FluidServer(Generic[Demand]):
    """Serves a set of activities, each at the rate that ``rates`` gives for their demands.

    ``rates`` gets the demands in order of start and returns a rate for each, in units of work per
    second. It is called once at the end of every instant at which the set has changed, so work that
    ends and work that follows it count as one change. With ``rates = lambda d: [1 / len(d)] *
    len(d)`` this is exact egalitarian processor sharing. Activities that end at one instant fire in
    order of start.
    """

    def __init__(
        self, env: Environment, rates: Callable[[Sequence[Demand]], Sequence[float]]
    ) -> None:
        self._env, self._rates = env, rates
        self._active: list[Activity[Demand]] = []
        self._due: list[Activity[Demand]] = []
        self._since = env.now
        self._pending: Timeout | None = None
        self._reflow = Once(env, REFLOW, self._change)

    def start(self, demand: Demand, work: float = inf) -> Activity[Demand]:
        """Begin ``work`` units of ``demand``. An amount of 0 is done at once."""
        activity = Activity(self._env, demand, work)
        if work <= 0:
            activity.done.succeed()
        else:
            self.settle()
            self._active.append(activity)
            self._reflow.ask()
        return activity

    def made(self, activity: Activity[Demand]) -> float:
        """The units of ``activity`` that are done now."""
        self.settle()
        return activity.made

    def settle(self) -> None:
        """Brings ``made`` of every activity up to now."""
        elapsed = self._env.now - self._since
        if elapsed > 0:
            for activity in self._active:
                activity.made += elapsed * activity.rate
            self._since = self._env.now

    def _change(self) -> None:
        self.settle()
        active = self._active
        rates = self._rates([activity.demand for activity in active]) if active else ()
        left = []
        for activity, rate in zip(active, rates, strict=True):
            activity.rate = rate
            left.append((activity.work - activity.made) / rate if rate > 0 else inf)
        wait = min(left, default=inf)
        if wait == inf:
            self._pending = None
            return
        # Work that rounding alone keeps apart ends together.
        limit = wait + 1e-12 + 1e-15 * self._env.now
        self._due = [a for a, seconds in zip(active, left, strict=True) if seconds <= limit]
        self._pending = Timeout(self._env, max(0.0, wait))
        assert self._pending.callbacks is not None
        self._pending.callbacks.append(self._complete)

    def _complete(self, event: Event) -> None:
        if event is not self._pending:  # the set has changed since: another timeout counts
            return
        self.settle()
        for activity in self._due:
            activity.made = activity.work
            self._active.remove(activity)
            activity.done.succeed()
        self._reflow.ask()
