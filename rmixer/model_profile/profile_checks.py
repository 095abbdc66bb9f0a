"""Checks a profile for impossible combinations of valid values."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from rmixer.errors import InputError
from rmixer.files.csv_rows import CsvRow
from rmixer.model_profile.model_profile import ModelProfile, StepCost
from rmixer.model_profile.step_statistics import STALL_FACTOR
from rmixer.operators.operator_cost import OperatorCost
from rmixer.operators.operator_table import QUANTILES

_ROUNDING = 1.01
_ABOVE_P10 = 0.8
"""A tenth of the steps take less than p10, and fewer than half are stalls, which the mean leaves
out. So at most a fifth of the steps in the mean take less."""


def check_summary(profile: ModelProfile, path: Path) -> None:
    """Raises :class:`InputError` if the summary at ``path`` has a device without its figures, a
    step twice, quantiles out of order, a mean that contradicts them, or a peak below an idle
    worker's memory."""
    for key in ("utilisation", "job_type"):
        for memory in profile.memory:
            if memory.device not in getattr(profile, key):
                allowed = "a value (memory has this device)"
                raise InputError(path, f"{key}.{memory.device}", "nothing", allowed)
    for place, step in enumerate(profile.steps):
        _check_step(step, f"steps.{place}", path)
        if any(_place(each) == _place(step) for each in profile.steps[:place]):
            found = f"{step.device} with {step.threads} threads a second time"
            raise InputError(path, f"steps.{place}", found, "each device and thread count once")
    for place, memory in enumerate(profile.memory):
        if memory.peak_bytes * _ROUNDING < (context_bytes := memory.context_bytes or 0):
            allowed = f"at least context_bytes, {context_bytes}"
            raise InputError(path, f"memory.{place}.peak_bytes", memory.peak_bytes, allowed)


def _place(step: StepCost) -> tuple[str, int]:
    return step.device, step.threads


def _check_step(step: StepCost, where: str, path: Path) -> None:
    least_us = _ABOVE_P10 * step.p10_us / _ROUNDING
    most_us = STALL_FACTOR * step.p50_us * _ROUNDING
    if not least_us <= step.mean_us <= most_us:
        allowed = f"{least_us:.3f} to {most_us:.3f}, by its quantiles"
        raise InputError(path, f"{where}.mean_us", step.mean_us, allowed)
    for lower, higher in pairwise(QUANTILES):
        if getattr(step, lower) > (found := getattr(step, higher)):
            raise InputError(path, f"{where}.{higher}", found, " <= ".join(QUANTILES))


def check_operators(
    rows: Sequence[CsvRow], operators: Sequence[OperatorCost], profile: ModelProfile, path: Path
) -> None:
    """Raises :class:`InputError` for an operator of a thread count without a step, for one whose
    time or gap exceeds all of its lane in a step, for a step without operators if others have
    some, and if FLOPs and bytes of the summary at ``path`` are not those of ``operators`` on the
    CPU at one of its numbers of threads. ``rows`` are these in the file."""
    counts = {step.threads for step in profile.steps}
    for row, each in zip(rows, operators, strict=True):
        if each.threads not in counts:
            listed = ", ".join(map(str, sorted(counts)))
            raise row.wrong("threads", f"a thread count of the summary's steps: {listed}")
        steps = (step for step in profile.steps if step.threads == each.threads)
        whole_us = max(_lane_us(step, each.lane) for step in steps)
        for name in ("mean_us", "gap_before_us"):
            if getattr(each, name) > whole_us * _ROUNDING:
                raise row.wrong(name, f"at most the step's {whole_us:.3f}")
    for count in sorted(counts - {each.threads for each in operators}) if operators else ():
        found = f"no operators with {count} threads"
        raise InputError(rows[0].path, "threads", found, "operators of each step of the summary")
    by_count = [
        [each for each in operators if (each.lane, each.threads) == ("cpu", count)]
        for count in counts
    ]
    for name, amount in (("flops", "flops"), ("bytes", "moved_bytes")):
        totals = {sum(getattr(each, amount) or 0 for each in own) for own in by_count if own}
        if totals and (found := getattr(profile, name)) not in totals:
            listed = " or ".join(map(str, sorted(totals)))
            raise InputError(path, name, found, f"{listed}, the sum over the table of operators")


def _lane_us(step: StepCost, lane: str) -> float:
    """The operators and gaps of a lane, from the step's closure."""
    return step.mean_us * (1.0 + max(0.0, step.closure.get(lane, 0.0)))
