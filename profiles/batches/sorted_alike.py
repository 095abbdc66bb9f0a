"""Profiles of several batches, as if all of them had sorted their ids in the same way.

An optimizer that adds up rows sorts the ids of a batch, and torch sorts few and many in ways that
cost apart (:mod:`profiles.machines.sort_rates`): a curve through batches on both sides of the
border tells neither. So what the batches on the other side took is replaced, in their operators and
in their steps, by what the wanted batch's way takes for as many ids: by a curve through those that
went that way; from a single one, by its time an id; from none, by digits at the machine's rate. How
long merging takes is the ids' own affair, and where no batch tells it nothing is replaced.
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
"""The thread count of a step on the CPU, and how many of its sorts come before."""
_TIMES = ("mean_us", "p10_us", "p50_us", "p90_us")


def sorted_alike(
    profiles: Sequence[ModelProfile], at: int, machine: Machine
) -> Sequence[ModelProfile]:
    """``profiles`` by ascending batch, two at least, each with the sorts of a step at batch ``at``.
    Where a step sorts once for each so many samples, not as often at each batch, none is another's
    counterpart and all stay as they are; so do those of models outside of the registry, of which it
    is not known that they sort ids."""
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
    """Those of the thread counts with which all profiles sort equally often."""
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
    """How many ids a sort is given; 0 where it sorts no single row of them."""
    return int(row.shapes) if re.fullmatch(r"\d+", row.shapes) else 0


def _other_way(
    rows: Sequence[OperatorCost], batches: Sequence[int], at: int, machine: Machine
) -> Mapping[int, float]:
    """The microseconds to take instead for those of ``rows``, one sort at all ``batches``, that
    were not sorted as it is at ``at``, by place; none where that is not known."""
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
    """How many ids there are at ``at``, on the line through the two nearest ``batches``."""
    one, other = sorted(range(len(batches)), key=lambda i: abs(math.log(batches[i] / at)))[:2]
    each = (counts[other] - counts[one]) / (batches[other] - batches[one])
    return counts[one] + each * (at - batches[one])


def _work(count: int, by_digits: bool) -> float:
    """What sorting takes in proportion to: n by digits, n log n by merging."""
    return float(count) if by_digits else count * math.log2(max(2, count))


def _with(
    profile: ModelProfile, sorts: Mapping[_Sort, OperatorCost], took_us: Mapping[_Sort, float]
) -> ModelProfile:
    """``profile`` with other times of some of its ``sorts``, and steps that differ by as much; as
    it is where a step would have nothing left."""
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
