"""Adjusts profiles of several batches as if all had sorted their ids by one method.

An optimizer that adds up rows sorts the ids of a batch, and torch sorts few and many by methods of
different cost (:mod:`profiles.machines.sort_rates`): a curve through batches on both sides of the
border fits neither. So the sort times of batches on the other side are replaced, in their operators
and in their steps, by the time of the wanted batch's method for as many ids: from a curve through
the batches that used it; from a single one, by its time an id; from none, by digits at the
machine's rate. The time of merging depends on the ids, so without a measured batch nothing is
replaced.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from profiles.batches.batch_curve import BatchCurve
from profiles.machines.sort_rates import RADIX_LEAST
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile, StepCost
from rmixer.models.registry import MODELS
from rmixer.operators.operator_cost import OperatorCost

_Sort = tuple[int, int]
"""The thread count of a step on the CPU, and the number of its sorts before this one."""
_TIMES = ("mean_us", "p10_us", "p50_us", "p90_us")


def sorted_alike(
    profiles: Sequence[ModelProfile], at: int, machine: Machine
) -> Sequence[ModelProfile]:
    """``profiles`` by ascending batch, at least two, each with the sorts of a step at batch ``at``.
    If the number of sorts in a step depends on the batch, they cannot be paired and all stay
    unchanged; so do those of models outside of the registry, which may not sort ids."""
    if profiles[0].identity.model not in MODELS:
        return profiles
    sorts = [_sorts(profile) for profile in profiles]
    batches = [profile.identity.batch for profile in profiles]
    changed: list[dict[_Sort, float]] = [{} for _ in profiles]
    for sort in _in_all(sorts):
        rows = [each[sort] for each in sorts]
        for place, took_us in _other_way(rows, batches, at, machine).items():
            changed[place][sort] = took_us
    return [_with(*each) for each in zip(profiles, sorts, changed, strict=True)]


def _in_all(sorts: Sequence[Mapping[_Sort, OperatorCost]]) -> list[_Sort]:
    """The sorts of the thread counts with which all profiles sort equally often."""
    found: list[_Sort] = []
    for threads in {threads for threads, _ in sorts[0]}:
        places = [{place for each, place in of_one if each == threads} for of_one in sorts]
        if all(each == places[0] for each in places):
            found += [(threads, place) for place in sorted(places[0])]
    return found


def _sorts(profile: ModelProfile) -> Mapping[_Sort, OperatorCost]:
    found: dict[_Sort, OperatorCost] = {}
    before: dict[int, int] = {}
    for row in sorted(profile.operators, key=lambda row: row.index):
        if (row.lane, row.phase, row.operator) == ("cpu", "optimizer", "aten::sort"):
            place = before.get(row.threads, 0)
            before[row.threads] = place + 1
            if _ids(row) and row.mean_us > 0:
                found[row.threads, place] = row
    return found


def _ids(row: OperatorCost) -> int:
    """The number of ids that a sort gets; 0 if it does not sort a single row of them."""
    return int(row.shapes) if re.fullmatch(r"\d+", row.shapes) else 0


def _other_way(
    rows: Sequence[OperatorCost], batches: Sequence[int], at: int, machine: Machine
) -> Mapping[int, float]:
    """The replacement microseconds of those ``rows``, one sort at all ``batches``, that were not
    sorted by the method at ``at``, by place; empty if unknown."""
    counts = [_ids(row) for row in rows]
    by_digits = _on_line(batches, counts, at) >= RADIX_LEAST
    alike = [i for i, count in enumerate(counts) if (count >= RADIX_LEAST) == by_digits]
    others = [i for i in range(len(rows)) if i not in alike]
    if len(alike) > 1:
        known = [batches[i] for i in alike], [rows[i].mean_us for i in alike]
        return {i: BatchCurve(known[0], batches[i]).value(known[1]) for i in others}
    if alike:
        (one,) = alike
        each_us = rows[one].mean_us / _work(counts[one], by_digits)
    elif by_digits and rows[0].threads <= len(machine.radix_sort_ns):
        each_us = machine.radix_sort_ns[rows[0].threads - 1] / 1e3
    else:
        return {}
    return {i: each_us * _work(counts[i], by_digits) for i in others}


def _on_line(batches: Sequence[int], counts: Sequence[int], at: int) -> float:
    """The number of ids at ``at``, on the line through the two nearest ``batches``."""
    one, other = sorted(range(len(batches)), key=lambda i: abs(math.log(batches[i] / at)))[:2]
    each = (counts[other] - counts[one]) / (batches[other] - batches[one])
    return counts[one] + each * (at - batches[one])


def _work(count: int, by_digits: bool) -> float:
    """The amount of work of a sort: n by digits, n log n by merging."""
    return float(count) if by_digits else count * math.log2(max(2, count))


def _with(
    profile: ModelProfile, sorts: Mapping[_Sort, OperatorCost], took_us: Mapping[_Sort, float]
) -> ModelProfile:
    """``profile`` with other times of some of its ``sorts``, and steps changed by the same amount;
    unchanged if a step would have no time left."""
    factor = {id(sorts[sort]): us / sorts[sort].mean_us for sort, us in took_us.items()}
    added_us: dict[int, float] = {}
    for (threads, place), us in took_us.items():
        added_us[threads] = added_us.get(threads, 0.0) + us - sorts[threads, place].mean_us
    steps = [_longer(cost, added_us.get(cost.threads, 0.0)) for cost in profile.steps]
    if not took_us or min(cost.mean_us for cost in steps) <= 0.0:
        return profile
    rows = [_times(row, factor.get(id(row), 1.0)) for row in profile.operators]
    return replace(profile, operators=tuple(rows), steps=tuple(steps))


def _times(row: OperatorCost, factor: float) -> OperatorCost:
    return replace(row, **{name: getattr(row, name) * factor for name in _TIMES})


def _longer(cost: StepCost, by_us: float) -> StepCost:
    if cost.device != "cpu" or not cost.mean_us:
        return cost
    factor = 1.0 + by_us / cost.mean_us
    return replace(cost, **{name: getattr(cost, name) * factor for name in _TIMES})
