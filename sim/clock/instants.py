"""The order of things within one simulated instant; and times on a grid of nanoseconds, so that
things due at one time happen at one instant.

0.1 + 0.2 and 0.3 are one time but two floats. Of two jobs that end then, one would end first, and a
policy would see a state that never was. Rounded to nanoseconds they are one float.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nextafter
from typing import Any

from simpy import Environment, Event, Timeout
from simpy.events import EventPriority

_DIGITS = 9


def whole_nanoseconds(time_s: float) -> float:
    """``time_s`` rounded to nanoseconds."""
    return round(time_s, _DIGITS)


def timeout_until(env: Environment, time_s: float) -> Timeout:
    """A timeout that ends at exactly ``time_s``, which is not before now. ``now + (time_s - now)``
    may be the float next to it."""
    delay_s = time_s - env.now
    near = (delay_s, nextafter(delay_s, inf), max(0.0, nextafter(delay_s, -inf)))
    return Timeout(env, next((each for each in near if env.now + each == time_s), delay_s))


DECIDE = EventPriority(2)
REFLOW = EventPriority(3)
RECORD = EventPriority(4)
"""Priorities after all events of an instant (SimPy's own are 0 and 1): first the policy decides,
then rates are computed anew, then the changes are recorded."""


class Once:
    """Runs ``act`` once at the end of an instant, however often it was asked for in that instant.
    The end comes after every event of a smaller priority."""

    def __init__(self, env: Environment, priority: EventPriority, act: Callable[[], Any]) -> None:
        self._env, self._priority, self._act = env, priority, act
        self._asked = False

    def ask(self) -> None:
        """Run ``act`` at the end of this instant."""
        if not self._asked:
            self._asked = True
            event = Event(self._env)
            event._ok, event._value, event.callbacks = True, None, [self._run]
            self._env.schedule(event, self._priority)

    def _run(self, _: Event) -> None:
        self._asked = False
        self._act()
