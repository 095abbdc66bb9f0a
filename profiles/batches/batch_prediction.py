"""Predicts a step at a batch size that was not profiled from other sizes, and profiled sizes from
each other, which shows the error to expect.

Times follow :class:`~profiles.batches.known_sizes.BatchCurve` through all profiled sizes; FLOPs,
bytes and memory are linear between two of them, and beyond them along the line through the two
nearest. Each kind of operator in each module is predicted separately. A step on the CPU is
predicted twice: by its own curve, and as the sum of its operators and gaps. Their errors are hardly
correlated, so the geometric mean of the two is taken. Known changes at a size
(:mod:`profiles.batches.sorted_alike`) are removed before.
"""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any, NamedTuple

from profiles.assembling.job_type import demands
from profiles.batches.known_sizes import KnownSizes, TooFewSizesError, known_sizes
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import MemoryCost, ModelProfile, StepCost
from rmixer.operators.operator_cost import HOST_COLUMNS, OperatorCost
from rmixer.workload.cost_identity import CostIdentity

Kind = tuple[str, int, str | None, str, str]
"""Lane, thread count, phase, module and operator."""
Sums = Mapping[Kind, Mapping[str, float]]
"""By kind and column. A kind that the profile does not have sums to 0."""
AMOUNTS = ("flops", "read_bytes", "written_bytes")
TIMES = ("mean_us", "gap_before_us", "host_us", *HOST_COLUMNS)


def kind_of(cost: OperatorCost) -> Kind:
    """The kind of one operator."""
    return cost.lane, cost.threads, cost.phase, cost.module, cost.operator


def sum_by_kind(profile: ModelProfile) -> Sums:
    """The sums of all operators of ``profile``, in each of the columns of amounts and times."""
    sums: dict[Kind, dict[str, float]] = defaultdict(lambda: dict.fromkeys(AMOUNTS + TIMES, 0.0))
    for cost in profile.operators:
        at = sums[kind_of(cost)]
        for name in at:
            at[name] += getattr(cost, name)
    return sums


_STEP_TIMES = ("mean_us", "p10_us", "p50_us", "p90_us", "stall_us")
_PHASE_TIMES = ("build_s", "warmup_s", "evaluate_s", "save_s")
_MEMORY = tuple(
    field.name for field in dataclasses.fields(MemoryCost) if field.name.endswith("_bytes")
)


def same_but_batch(one: CostIdentity, other: CostIdentity) -> bool:
    """True if two cost identities differ at most in their batch."""
    return replace(one, batch=other.batch) == other


def predict_batch(
    profiles: Iterable[ModelProfile], identity: CostIdentity, machine: Machine
) -> ModelProfile:
    """The profile of ``identity`` from ``profiles`` of the same but other batches, of one
    ``machine``: at least two with a common device and thread count, else :class:`TooFewSizesError`.
    Its ``predicted_from`` lists their batches. Its steps have no measurement."""
    others = {p.identity.batch: p for p in profiles if same_but_batch(p.identity, identity)}
    others.pop(identity.batch, None)
    if len(others) < 2:
        raise TooFewSizesError(
            f"{len(others)} other batches of {identity.key} are profiled, not two"
        )
    known = known_sizes(others, identity.batch)
    nearest = known.profiles[known.nearest]
    sums = [sum_by_kind(profile) for profile in known.profiles]
    steps = tuple(_steps(known, sums))
    operators = tuple(_operators(known, sums))
    asked = demands(machine, steps, operators)
    memory = tuple(
        replace(low, **_amounts(known, low, high))
        for low in known.low.memory
        for high in known.high.memory
        if low.device == high.device
    )
    flops, moved = (round(_on(known, known.low, known.high, name)) for name in ("flops", "bytes"))
    return replace(
        nearest,
        identity=identity,
        predicted_from=tuple(profile.identity.batch for profile in known.profiles),
        steps=steps,
        memory=memory,
        flops=flops,
        bytes=moved,
        intensity=flops / moved if moved else 0.0,
        bandwidth_gbps=moved / steps[0].mean_us * 1e-3,
        utilisation=asked.utilisation,
        job_type=asked.job_type,
        operators=operators,
    )


def _amounts(known: KnownSizes, low: MemoryCost, high: MemoryCost) -> dict[str, Any]:
    return {name: round(_on(known, low, high, name)) for name in _MEMORY}


def _on(known: KnownSizes, low: object, high: object, name: str) -> float:
    return known.amount(getattr(low, name), getattr(high, name))


def _steps(known: KnownSizes, sums: Sequence[Sums]) -> Iterable[StepCost]:
    by_place = [{cost.place: cost for cost in p.steps} for p in known.profiles]
    for place, low in by_place[known.first].items():
        if any(place not in costs for costs in by_place):
            continue
        costs = [each[place] for each in by_place]
        high, near = costs[known.first + 1], costs[known.nearest]
        found: dict[str, Any] = {name: _on(known, low, high, name) for name in _PHASE_TIMES}
        for name in _STEP_TIMES:
            found[name] = known.time([getattr(cost, name) for cost in costs])
        if low.device == "cpu":
            added_us = _added_up(known, sums, low.threads, [cost.mean_us for cost in costs])
            to_both = math.sqrt(added_us / found["mean_us"]) if added_us else 1.0
            found.update({name: found[name] * to_both for name in _STEP_TIMES})
        apart = fmean(cost.apart_us / cost.mean_us for cost in costs)
        found["apart_us"] = apart * found["mean_us"]
        found.update(measurement=None, **_beside_others(known, low, high))
        yield replace(near, **found)


def _added_up(
    known: KnownSizes, sums: Sequence[Sums], threads: int, steps_us: Sequence[float]
) -> float:
    """The step on the CPU in microseconds as the sum of its operators and all their gaps, 0 if a
    profile has none. Each profile's sum misses its step by its closure, so the sum is multiplied by
    the mean ratio."""
    on_cpu = ("cpu", threads)
    of_step = [{kind: at for kind, at in each.items() if kind[:2] == on_cpu} for each in sums]
    gaps_us = [math.fsum(at["gap_before_us"] for at in each.values()) for each in of_step]
    added_us = [
        gap_us + math.fsum(at["mean_us"] for at in each.values())
        for gap_us, each in zip(gaps_us, of_step, strict=True)
    ]
    if not all(added_us):
        return 0.0
    parts = [known.time(gaps_us)]
    for kind in set().union(*of_step):
        parts.append(known.time([each[kind]["mean_us"] for each in sums]))
    lacking = fmean(step / added for step, added in zip(steps_us, added_us, strict=True))
    return math.fsum(parts) * lacking


def _beside_others(known: KnownSizes, low: StepCost, high: StepCost) -> dict[str, Any]:
    """Slow-downs and pressure, kept within the measured range. If one profile has no bubbles, the
    other's are taken unchanged."""
    if not low.compute_slowdown or not high.compute_slowdown:
        low = high = low if low.compute_slowdown else high
    share = min(1.0, max(0.0, known.share))

    def between(a: float, b: float) -> float:
        return a + (b - a) * share

    pressure = None
    if low.pressure is not None and high.pressure is not None:
        pressure = between(low.pressure, high.pressure)
    return {
        "compute_slowdown": tuple(map(between, low.compute_slowdown, high.compute_slowdown)),
        "stream_slowdown": tuple(map(between, low.stream_slowdown, high.stream_slowdown)),
        "pressure": pressure,
    }


def _operators(known: KnownSizes, sums: Sequence[Sums]) -> Iterable[OperatorCost]:
    """The nearest profile's operators, each scaled by the ratio of the sums of its kind in its
    module. The number of calls may depend on the batch, so operators are not paired one by one."""
    factors: dict[Kind, dict[str, float]] = {}
    for cost in known.profiles[known.nearest].operators:
        kind = kind_of(cost)
        if kind not in factors:
            factors[kind] = dict(_factors(known, [each[kind] for each in sums]))
        factor = factors[kind]
        scaled: dict[str, Any] = {name: getattr(cost, name) * factor[name] for name in factor}
        quantiles = ("p10_us", "p50_us", "p90_us")
        scaled.update({name: getattr(cost, name) * factor["mean_us"] for name in quantiles})
        whole = {name: round(scaled.pop(name)) for name in AMOUNTS}
        yield replace(cost, shapes="", **whole, **scaled)


def _factors(known: KnownSizes, sums: Sequence[Mapping[str, float]]) -> Iterable[tuple[str, float]]:
    """The factors on the nearest profile's figures of one kind of operator."""
    for name, near in sums[known.nearest].items():
        if not near:
            yield name, 1.0
        elif name in AMOUNTS:
            low, high = sums[known.first][name], sums[known.first + 1][name]
            yield name, known.amount(low, high) / near
        else:
            yield name, known.time([each[name] for each in sums]) / near


class LeftOut(NamedTuple):
    """A step of ``profile`` as ``measured``, and as predicted from profiles of the sizes
    ``known``."""

    profile: ModelProfile
    known: tuple[int, ...]
    predicted: StepCost
    measured: StepCost

    @property
    def error(self) -> float:
        """(predicted - measured) / measured."""
        return self.predicted.mean_us / self.measured.mean_us - 1.0


def left_out(
    profile: ModelProfile, others: Sequence[ModelProfile], machine: Machine
) -> Iterator[LeftOut]:
    """Yields each step of ``profile`` as ``others`` of the same model predict it; nothing if they
    are too few."""
    try:
        predicted = predict_batch(others, profile.identity, machine)
    except TooFewSizesError:
        return
    measured = {cost.place: cost for cost in profile.steps}
    for cost in predicted.steps:
        if cost.place in measured:
            yield LeftOut(profile, predicted.predicted_from, cost, measured[cost.place])


def each_left_out(profiles: Sequence[ModelProfile], machine: Machine) -> Iterator[LeftOut]:
    """Each of ``profiles`` as the others predict it."""
    for profile in profiles:
        yield from left_out(profile, [o for o in profiles if o is not profile], machine)
