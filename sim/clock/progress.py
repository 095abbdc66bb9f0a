"""Progress of a job's phases while other jobs run: the one difference between the two levels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, Protocol

from simpy import Environment, Event

from rmixer.scheduling.step_times import Member, Mix, StepTimes
from sim.clock.fluid import FluidServer
from sim.clock.instants import timeout_until, whole_nanoseconds


class Running(NamedTuple):
    """A phase that runs: ``done`` fires at its end, ``made()`` returns how much of it is done
    now."""

    done: Event
    made: Callable[[], float]


class Progress(Protocol):
    """Runs phases on a simulated clock."""

    def begin(self, member: Member, amount: float) -> Running:
        """Start ``amount`` training steps, or that share of the whole of another phase."""
        ...


class MixProgress:
    """Advances each phase by elapsed time over the time of its unit in the present mix. Fractions
    of a step are kept when the mix changes."""

    def __init__(self, env: Environment, step_times: StepTimes) -> None:
        self._step_times = step_times
        self._server: FluidServer[Member] = FluidServer(env, self._rates)

    def begin(self, member: Member, amount: float) -> Running:
        """See :class:`Progress`."""
        activity = self._server.start(member, amount)
        return Running(activity.done, partial(self._server.made, activity))

    def _rates(self, members: Sequence[Member]) -> list[float]:
        return [1.0 / unit for unit in self._step_times.unit_s(Mix(tuple(members)))]


class AloneProgress:
    """The same if other jobs change nothing. A phase takes exactly its units, to the nanosecond,
    however often the mix changes meanwhile."""

    def __init__(self, env: Environment, step_times: StepTimes) -> None:
        self._env, self._step_times = env, step_times

    def begin(self, member: Member, amount: float) -> Running:
        """See :class:`Progress`."""
        (unit_s,) = self._step_times.unit_s(Mix((member,)))
        since_s = self._env.now
        end_s = whole_nanoseconds(since_s + amount * unit_s)

        def made() -> float:
            if self._env.now >= end_s:
                return amount
            return amount * (self._env.now - since_s) / (end_s - since_s)

        return Running(timeout_until(self._env, end_s), made)
