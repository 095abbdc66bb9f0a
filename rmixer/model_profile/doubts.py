"""Finds reasons to doubt figures from profiles: the machine was in use meanwhile."""

from __future__ import annotations

from collections.abc import Iterable

from rmixer.model_profile.model_profile import ModelProfile

MOST_WAITED = 0.10
"""A step is doubtful if its worker waited for its cores for more of its time than this."""
WIDEST = 0.20
"""An interval is doubtful if its half width exceeds this fraction of its middle."""


def doubts_about(profiles: Iterable[ModelProfile]) -> tuple[str, ...]:
    """A line for each measured profile with a doubtful step, about the worst one."""
    found = []
    for profile in profiles:
        worst = max(profile.steps, key=lambda step: step.waited)
        if worst.waited > MOST_WAITED:
            words = f"its worker waited {worst.waited:.0%} of the time for its cores"
        else:
            worst = max(profile.steps, key=lambda step: step.half_width)
            if worst.half_width <= WIDEST:
                continue
            words = f"its mean step is known to ±{worst.half_width:.0%} only"
        found.append(f"{profile.key} with {worst.threads} thread(s): {words}")
    return tuple(found)


def doubt_about_interval(value_s: float, interval_s: tuple[float, float] | None) -> tuple[str, ...]:
    """A line if ``interval_s`` around ``value_s`` is wide."""
    if interval_s is None or value_s <= 0:
        return ()
    half = (interval_s[1] - interval_s[0]) / 2 / value_s
    return (f"the makespan is known to ±{half:.0%} only",) if half > WIDEST else ()
