"""Converts a profile to a GPU that is faster or slower on the same host, or to a machine with more
cores."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from profiles.assembling.job_type import LOW_UTILISATION, gpu_balance, job_type
from profiles.assembling.operator_times import total_work
from rmixer.hardware.machine import Gpu
from rmixer.hardware.what_if import continued
from rmixer.model_profile.model_profile import JobType, ModelProfile, StepCost
from rmixer.operators.operator_cost import OperatorCost
from sim.demand.segments import step_segments, two_clocks_s, walked_alone_s

_QUANTILES = ("p10_us", "p50_us", "p90_us", "mean_us")
_OF_STEP = (*_QUANTILES, "stall_us", "apart_us", "evaluate_s")


def with_gpu_speed(profile: ModelProfile, gpu: Gpu, speed: float) -> ModelProfile:
    """Converts ``profile``, taken on ``gpu``, to a GPU ``speed`` times as fast.

    Kernels and copies take 1 / ``speed``. The host takes as long as before, and so do the gaps
    between kernels in which the GPU waits for it. A step alone becomes, by the two clocks::

        new step = old step x two_clocks(new operators) / two_clocks(old operators)

    so that the host's share of a step is the same in seconds before and after. All parts of a step
    (quantiles, stalls) and evaluation scale alike. Of warm-up, the time of its steps scales and the
    rest stays. Utilisation is the GPU's busy time over the new step, and the job type changes where
    that passes 0.1. A profile without a step on a GPU stays as it is. Raises :class:`InputError`
    for a step on a GPU if neither its operators nor its GPU time are known.
    """
    ratios = [
        _ratio(profile, step, speed)
        for step in profile.steps
        if step.device == "gpu" and speed != 1.0
    ]
    if not ratios:
        return profile
    left = iter(ratios)
    operators = _faster(profile, speed)
    busy = min(1.0, profile.utilisation["gpu"] / (speed * ratios[0]))
    return replace(
        profile,
        steps=tuple(
            _scaled(step, next(left), speed, profile.warmup_steps) if step.device == "gpu" else step
            for step in profile.steps
        ),
        operators=operators,
        utilisation={**profile.utilisation, "gpu": busy},
        job_type={**profile.job_type, "gpu": _type(profile, gpu, busy)},
    )


def _ratio(profile: ModelProfile, step: StepCost, speed: float) -> float:
    """The new step over the old one."""
    before_s = walked_alone_s(profile, step.threads)
    if before_s:
        faster = replace(profile, operators=_faster(profile, speed))
        return walked_alone_s(faster, step.threads) / before_s
    known = step_segments(profile, "gpu", step.threads)
    return two_clocks_s(known.segments, device_slowdown=1 / speed) / known.solo_s


def _faster(profile: ModelProfile, speed: float) -> tuple[OperatorCost, ...]:
    return tuple(
        row if row.lane == "cpu" else replace(row, **_times(row, _QUANTILES, lambda us: us / speed))
        for row in profile.operators
    )


def _times(
    row: OperatorCost | StepCost, names: Iterable[str], scaled: Callable[[float], float]
) -> dict[str, Any]:
    return {name: scaled(getattr(row, name)) for name in names}


def _scaled(step: StepCost, ratio: float, speed: float, warmup_steps: int) -> StepCost:
    in_steps_s = min(step.warmup_s, warmup_steps * step.mean_us * 1e-6)
    return replace(
        step,
        **_times(step, _OF_STEP, lambda time: time * ratio),
        warmup_s=step.warmup_s - in_steps_s + in_steps_s * ratio,
        measurement=None,
        gpu_us=None if step.gpu_us is None else step.gpu_us / speed,
    )


def _type(profile: ModelProfile, gpu: Gpu, busy: float) -> JobType:
    """The job type at utilisation ``busy``. If it was low and no longer is, the roofline of ``gpu``
    decides (its ridge is the same at any speed); without one the type stays."""
    known = profile.job_type["gpu"]
    if busy < LOW_UTILISATION <= profile.utilisation["gpu"]:
        return "low"
    threads = next(step.threads for step in profile.steps if step.device == "gpu")
    rows = [row for row in profile.operators if row.lane == "gpu"]
    flops, moved = total_work(rows, threads)
    unknown = gpu.matmul_gflops is None or gpu.bandwidth_gbps is None or not moved
    if known != "low" or busy < LOW_UTILISATION or unknown:
        return known
    return job_type(busy, flops / moved, gpu_balance(gpu))


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
