"""Checks operators of a profile for impossible combinations of valid values."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from rmixer.errors import InputError
from rmixer.files.csv_rows import CsvRow
from rmixer.operators.operator_cost import OperatorCost

_QUANTILES = ("p10_us", "p50_us", "p90_us")
_ROUNDING = 1.01
MOST_A_SECOND = 1e18
"""FLOPs or bytes a second that no processor reaches with one operator."""


class Step(Protocol):
    """The checked part of a step."""

    @property
    def device(self) -> str:
        """``cpu`` or ``gpu``."""

    @property
    def threads(self) -> int:
        """Host threads."""

    @property
    def mean_us(self) -> float:
        """Without stalls."""

    @property
    def closure(self) -> Mapping[str, float]:
        """(operators + gaps) / mean - 1 by lane."""


def check_steps(steps: Sequence[Step], path: Path) -> None:
    """Raises :class:`InputError` for a step that occurs twice in the summary at ``path``, or whose
    quantiles are out of order."""
    seen: set[tuple[str, int]] = set()
    for place, step in enumerate(steps):
        if (step.device, step.threads) in seen:
            found = f"{step.device} with {step.threads} threads a second time"
            raise InputError(path, f"steps.{place}", found, "each device and thread count once")
        seen.add((step.device, step.threads))
        for lower, higher in itertools.pairwise(_QUANTILES):
            if getattr(step, lower) > getattr(step, higher):
                found = getattr(step, higher)
                raise InputError(path, f"steps.{place}.{higher}", found, " <= ".join(_QUANTILES))


def check_times(row: CsvRow) -> None:
    """Raises :class:`InputError` if the quantiles of ``row``'s time are out of order."""
    for lower, higher in itertools.pairwise(_QUANTILES):
        if row.number(lower) > row.number(higher):
            raise row.wrong(higher, " <= ".join(_QUANTILES))


def check_work(row: CsvRow) -> None:
    """Raises :class:`InputError` if ``row`` has more FLOPs or bytes than could be done in its time,
    or in a nanosecond, the shortest time in a file."""
    least_s = max(row.number("mean_us"), 1e-3) * 1e-6
    for name in ("flops", "read_bytes", "written_bytes"):
        if row.whole(name, 0) > MOST_A_SECOND * least_s:
            raise row.wrong(name, f"at most {MOST_A_SECOND:g} for each second of mean_us")


def check_together(
    rows: Sequence[CsvRow], operators: Sequence[OperatorCost], steps: Sequence[Hashable]
) -> None:
    """Raises :class:`InputError` for an index that occurs twice on one lane, for a forward operator
    of one that is not backward, or for a forward operator that does not exist in its step
    (``steps``, by row)."""
    phases = {(each.index, step): each.phase for each, step in zip(operators, steps, strict=True)}
    seen: set[tuple[str, int, Hashable]] = set()
    for row, each, step in zip(rows, operators, steps, strict=True):
        place = each.lane, each.index, step
        if place in seen:
            raise row.wrong("index", "each index once a lane and thread count")
        seen.add(place)
        if each.forward_index < 0:
            continue
        if each.phase not in ("backward", None):
            raise row.wrong("forward_index", f"-1: the phase is {each.phase}, not backward")
        if phases.get((each.forward_index, step), "") not in ("forward", None):
            raise row.wrong("forward_index", "the index of a forward operator, or -1 for none")


def check_within_steps(
    rows: Sequence[CsvRow], operators: Sequence[OperatorCost], steps: Sequence[Step]
) -> None:
    """Raises :class:`InputError` for an operator of a thread count without a step, for one whose
    time or gap exceeds all of its lane in a step, and for a step without operators if others have
    some."""
    counts = {step.threads for step in steps}
    for row, each in zip(rows, operators, strict=True):
        if each.threads not in counts:
            listed = ", ".join(map(str, sorted(counts)))
            raise row.wrong("threads", f"a thread count of the summary's steps: {listed}")
        whole_us = max(_lane_us(step, each.lane) for step in steps if step.threads == each.threads)
        for name in ("mean_us", "gap_before_us"):
            if getattr(each, name) > whole_us * _ROUNDING:
                raise row.wrong(name, f"at most the step's {whole_us:.3f}")
    for count in sorted(counts - {each.threads for each in operators}) if operators else ():
        found = f"no operators with {count} threads"
        raise InputError(rows[0].path, "threads", found, "operators of each step of the summary")


def _lane_us(step: Step, lane: str) -> float:
    """The operators and gaps of a lane, from the step's closure."""
    return step.mean_us * (1.0 + max(0.0, step.closure.get(lane, 0.0)))
