"""Profiles of several batches, as if all of them had sorted their ids in the same way.

An optimizer that adds up rows sorts the ids of a batch, and torch sorts few and many in ways that
cost apart (:mod:`profiles.sort_rates`): a curve through batches on both sides of the border tells
neither. So what the batches on the other side took is replaced, in their operators and in their
steps, by what the wanted batch's way takes for as many ids: by a curve through those that went
that way, else, by one or none, in proportion to the ids, with the machine's own rates.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from profiles.batch_curve import BatchCurve
from profiles.sort_rates import MERGED, RADIX_LEAST
from rmixer.machine import Machine
from rmixer.profile import ModelProfile, OperatorCost, StepCost

_Sort = tuple[int, int]
"""The thread count and the index of an operator of the step on the CPU."""
_STEP_TIMES = ("mean_us", "p10_us", "p50_us", "p90_us")
_OPERATOR_TIMES = ("mean_us", "p10_us", "p50_us", "p90_us")


def sorted_alike(
    profiles: Sequence[ModelProfile], at: int, machine: Machine
) -> Sequence[ModelProfile]:
    """``profiles`` by ascending batch, each with the sorts of a step at batch ``at``. They are
    given back as they are where their sorts are not the same ones, or no machine's rates tell."""
    sorts = [_sorts(profile) for profile in profiles]
    if not sorts[0] or any(each.keys() != sorts[0].keys() for each in sorts):
        return profiles
    batches = [profile.identity.batch for profile in profiles]
    changed: list[dict[_Sort, float]] = [{} for _ in profiles]
    for sort in sorts[0]:
        rows = [each[sort] for each in sorts]
        for place, took_us in _other_way(rows, batches, at, machine).items():
            changed[place][sort] = took_us
    return [_with(*each) for each in zip(profiles, sorts, changed, strict=True)]


def _sorts(profile: ModelProfile) -> Mapping[_Sort, OperatorCost]:
    """The sorts of ids, by thread count and by how many came before: only an optimizer's keys are
    known to be integers."""
    found: dict[_Sort, OperatorCost] = {}
    seen: dict[int, int] = {}
    for row in sorted(profile.operators, key=lambda row: row.index):
        if row.lane != "cpu" or row.phase != "optimizer" or row.operator != "aten::sort":
            continue
        if _ids(row):
            seen[row.threads] = place = seen.get(row.threads, -1) + 1
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
    nearest = min(range(len(rows)), key=lambda i: abs(math.log(batches[i] / at)))
    by_digits = counts[nearest] * at / batches[nearest] >= RADIX_LEAST
    alike = [i for i, count in enumerate(counts) if (count >= RADIX_LEAST) == by_digits]
    others = [i for i in range(len(rows)) if i not in alike]
    if len(alike) > 1:
        known = [batches[i] for i in alike], [rows[i].mean_us for i in alike]
        return {i: BatchCurve(known[0], batches[i]).value(known[1]) for i in others}
    each_us = _each_us(rows, counts, alike, by_digits, machine)
    return {} if each_us is None else {i: each_us * _work(counts[i], by_digits) for i in others}


def _each_us(
    rows: Sequence[OperatorCost],
    counts: Sequence[int],
    alike: Sequence[int],
    by_digits: bool,
    machine: Machine,
) -> float | None:
    """Of one id as :func:`_work` counts them: by the one batch that tells, else by the machine."""
    for i in alike:
        return rows[i].mean_us / _work(counts[i], by_digits)
    rates = machine.radix_sort_ns if by_digits else machine.merge_sort_ns
    return rates[rows[0].threads - 1] / 1e3 if rows[0].threads <= len(rates) else None


def _work(count: int, by_digits: bool) -> float:
    """As many ids by their digits, or merged in as many rounds as half of 32768 are."""
    return float(count) if by_digits else count * math.log2(max(2, count)) / math.log2(MERGED)


def _with(
    profile: ModelProfile, sorts: Mapping[_Sort, OperatorCost], took_us: Mapping[_Sort, float]
) -> ModelProfile:
    """``profile`` with other times of some of its ``sorts``, and steps that differ by as much."""
    if not took_us:
        return profile
    new = {id(sorts[sort]): us / sorts[sort].mean_us for sort, us in took_us.items()}
    added: dict[int, float] = {}
    for (threads, place), us in took_us.items():
        added[threads] = added.get(threads, 0.0) + us - sorts[threads, place].mean_us
    return replace(
        profile,
        operators=tuple(_scaled(row, new.get(id(row), 1.0)) for row in profile.operators),
        steps=tuple(_longer(cost, added.get(cost.threads, 0.0)) for cost in profile.steps),
    )


def _scaled(row: OperatorCost, factor: float) -> OperatorCost:
    return replace(row, **{name: getattr(row, name) * factor for name in _OPERATOR_TIMES})


def _longer(cost: StepCost, by_us: float) -> StepCost:
    if cost.device != "cpu":
        return cost
    factor = max(0.0, 1.0 + by_us / cost.mean_us)
    return replace(cost, **{name: getattr(cost, name) * factor for name in _STEP_TIMES})
