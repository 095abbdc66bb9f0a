"""Times on a grid of nanoseconds, so that things due at one time happen at one instant.

0.1 + 0.2 and 0.3 are one time but two floats. Of two jobs that end then, one would end first, and a
policy would see a state that never was. Rounded to nanoseconds they are one float.
"""

from __future__ import annotations

from math import inf, nextafter

from simpy import Environment, Timeout

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
