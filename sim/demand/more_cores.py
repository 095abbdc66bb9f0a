"""Converts a profile to a machine with more cores: extends its slow-downs to more busy cores."""

from __future__ import annotations

from dataclasses import replace

from rmixer.hardware.what_if import continued
from rmixer.model_profile.model_profile import ModelProfile, StepCost


def with_more_cores(profile: ModelProfile, own: int, cores: int) -> ModelProfile:
    """Converts ``profile``, taken on a machine of ``own`` cores, to one of ``cores``.

    A slow-down curve that ends at the machine's own cores goes on with its last slope, never below
    its last value. A curve that ends before that is constant from there, as in the simulator. A
    step without curves stays without.
    """
    if cores <= own:
        return profile
    return replace(profile, steps=tuple(_beside_more(step, own, cores) for step in profile.steps))


def last_slope(step: StepCost, own: int) -> float:
    """The largest slope with which :func:`with_more_cores` extends a slow-down of ``step``: growth
    per core, in units of the step alone."""
    wider = _beside_more(step, own, own + 1)
    curves = (wider.compute_slowdown, wider.stream_slowdown)
    return max((curve[-1] - (1.0, *curve)[-2] for curve in curves if curve), default=0.0)


def _beside_more(step: StepCost, own: int, cores: int) -> StepCost:
    def wider(known: tuple[float, ...]) -> tuple[float, ...]:
        constant = known[-1:] * (own - step.threads - len(known))
        return continued((*known, *constant), cores - step.threads, at_none=1.0)

    return replace(
        step,
        compute_slowdown=wider(step.compute_slowdown),
        stream_slowdown=wider(step.stream_slowdown),
    )
