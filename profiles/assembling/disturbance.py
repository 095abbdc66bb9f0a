"""Finds signs in a measured step that the machine changed while it was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from profiles.machines.kept_waiting import MOST_WAITED
from rmixer.display.printable import few
from rmixer.model_profile.model_profile import ModelProfile, StepCost

WORST_CLOSURE, WORST_REPEATABILITY = 0.06, 0.15
"""Beyond these limits a profile is wrong, even if its step's interval is narrow."""


def disturbed(step: StepCost, is_program: bool = False) -> str:
    """Says in words how the machine disturbed ``step``; "" if it did not, or if it was not
    measured. A step of a program was measured in two halves of a run, other steps by two workers.
    """
    measured = step.measurement
    if measured is None:
        return ""
    where = f"with {step.threads} thread(s)" + (" on the GPU" if step.device == "gpu" else "")
    if measured.waited > MOST_WAITED:
        share = f"{measured.waited:.0%}"
        return f"{where} it waited {share} of the time for its cores, used by others"
    lane, closure = max(measured.closure.items(), key=lambda item: abs(item[1]), default=("", 0.0))
    if abs(closure) > WORST_CLOSURE:
        return f"{where} operators and gaps on lane {lane} add up to {1 + closure:.0%} of the step"
    if measured.repeatability > WORST_REPEATABILITY and not step.apart_us:  # else that is known
        which = "of its two halves" if is_program else "worker"
        return f"{where} one {which} took {measured.repeatability:.0%} longer than the other"
    return ""


def report_disturbed(profiles: Iterable[ModelProfile], report: Callable[[str], None]) -> None:
    """Reports the measured ``profiles`` with a disturbed step, with a text about the first: its
    step that waited most for its cores."""
    found = {
        profile.key: words
        for profile in profiles
        if profile.origin == "measured"
        if (words := _first_words(profile))
    }
    if found:
        words = next(iter(found.values()))
        report(f"{few(list(found), 1)}: the machine was disturbed while it was profiled ({words})")


def _first_words(profile: ModelProfile) -> str:
    is_program = profile.identity.is_program
    most_waiting_first = sorted(profile.steps, key=lambda step: -step.waited)
    found = (disturbed(step, is_program) for step in most_waiting_first)
    return next(filter(None, found), "")
