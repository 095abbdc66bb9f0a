"""The order of things within one simulated instant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simpy import Environment, Event
from simpy.events import EventPriority

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
