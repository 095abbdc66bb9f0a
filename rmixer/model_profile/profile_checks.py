"""Checks a profile's summary for impossible combinations of valid values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rmixer.errors import InputError
from rmixer.model_profile.model_profile import MemoryCost, ModelProfile, StepCost
from rmixer.model_profile.step_statistics import STALL_FACTOR
from rmixer.operators.operator_cost import OperatorCost

_ROUNDING = 1.01
_ABOVE_P10 = 0.8
"""A tenth of the steps take less than p10, and fewer than half are stalls, which the mean leaves
out. So at most a fifth of the steps in the mean take less."""


def check_summary(profile: ModelProfile, path: Path) -> None:
    """Raises :class:`InputError` if the summary at ``path`` has a device without its figures, a
    share above 1, a step whose mean contradicts its quantiles or that is faster with neighbours
    than alone, or a peak below an idle worker's memory."""
    for key in ("utilisation", "job_type"):
        for memory in profile.memory:
            if memory.device not in getattr(profile, key):
                allowed = "a value (memory has this device)"
                raise InputError(path, f"{key}.{memory.device}", "nothing", allowed)
    for kind, share in profile.utilisation.items():
        if share > 1:
            raise InputError(path, f"utilisation.{kind}", share, "a share, from 0 to 1")
    for place, step in enumerate(profile.steps):
        _check_step(step, f"steps.{place}", path)
    for place, memory in enumerate(profile.memory):
        _check_memory(memory, f"memory.{place}", path)


def _check_step(step: StepCost, where: str, path: Path) -> None:
    least_us = _ABOVE_P10 * step.p10_us / _ROUNDING
    most_us = STALL_FACTOR * step.p50_us * _ROUNDING
    if not least_us <= step.mean_us <= most_us:
        allowed = f"{least_us:.3f} to {most_us:.3f}, by its quantiles"
        raise InputError(path, f"{where}.mean_us", step.mean_us, allowed)
    for name in ("compute_slowdown", "stream_slowdown"):
        for count, slowdown in enumerate(getattr(step, name)):
            if slowdown < 1:
                raise InputError(path, f"{where}.{name}.{count}", slowdown, "1 or more")


def _check_memory(memory: MemoryCost, where: str, path: Path) -> None:
    context_bytes = memory.context_bytes or 0
    if memory.peak_bytes * _ROUNDING < context_bytes:
        allowed = f"at least context_bytes, {context_bytes}"
        raise InputError(path, f"{where}.peak_bytes", memory.peak_bytes, allowed)


def check_work_together(
    operators: Sequence[OperatorCost], profile: ModelProfile, path: Path
) -> None:
    """Raises :class:`InputError` if FLOPs and bytes of the summary at ``path`` are not those of its
    ``operators`` on the CPU at one of its numbers of threads."""
    sums: dict[str, set[int]] = {"flops": set(), "bytes": set()}
    for threads in {step.threads for step in profile.steps}:
        rows = [each for each in operators if (each.lane, each.threads) == ("cpu", threads)]
        if rows:
            sums["flops"].add(sum(each.flops or 0 for each in rows))
            sums["bytes"].add(sum(each.moved_bytes or 0 for each in rows))
    for name, totals in sums.items():
        found = getattr(profile, name)
        if totals and found not in totals:
            listed = " or ".join(map(str, sorted(totals)))
            raise InputError(path, name, found, f"{listed}, the sum over the table of operators")
