"""The batch as a variable: a step at a batch size that was not profiled, from others that were.

What a step costs grows with the batch as ``fixed + each × batch`` as long as caches hold what
they held, so times, bytes and FLOPs are taken linear between two profiled sizes, and beyond them
along the line through the two nearest. Each operator is predicted by itself.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from rmixer.cost_identity import CostIdentity
from rmixer.profile import HOST_COLUMNS, InputCost, MemoryCost, ModelProfile, OperatorCost, StepCost

_Key = tuple[str, int, str, str, str]
_AMOUNTS = ("flops", "read_bytes", "written_bytes")
_TIMES = ("mean_us", "gap_before_us", "host_us", *HOST_COLUMNS)
_STEP_TIMES = ("build_s", "warmup_s", "evaluate_s", "save_s")
_MEMORY = tuple(
    field.name for field in dataclasses.fields(MemoryCost) if field.name.endswith("_bytes")
)


@dataclass(frozen=True)
class _Line:
    """Through two profiles of the batches ``low`` < ``high``; ``at`` is the wanted batch."""

    low: ModelProfile
    high: ModelProfile
    at: int

    @property
    def share(self) -> float:
        """How far from low to high the wanted batch lies; below 0 or above 1 beyond them."""
        first, last = self.low.identity.batch, self.high.identity.batch
        return (self.at - first) / (last - first)

    @property
    def nearest(self) -> ModelProfile:
        """The profile whose batch is nearest by ratio: its order of operators is taken."""
        first, last = self.low.identity.batch, self.high.identity.batch
        return self.low if self.at * self.at < first * last else self.high

    def value(self, low: float, high: float) -> float:
        """On the line from ``low`` to ``high``, and never below nothing: what the line would
        have below a part of the smaller size is in proportion to the batch."""
        found = low + (high - low) * self.share
        least = min(low, high) * min(1.0, self.at / self.low.identity.batch)
        return max(found, least) if self.share < 0 else max(0.0, found)


def same_but_batch(one: CostIdentity, other: CostIdentity) -> bool:
    """Whether two cost identities differ in their batch at most."""
    return replace(one, batch=other.batch) == other


def predict_batch(profiles: Iterable[ModelProfile], identity: CostIdentity) -> ModelProfile:
    """The profile of ``identity`` from ``profiles`` of the same but other batches, of one
    machine: two at least, else :class:`ValueError`. Its ``predicted_from`` names their batches.
    """
    known = {p.identity.batch: p for p in profiles if same_but_batch(p.identity, identity)}
    known.pop(identity.batch, None)
    if len(known) < 2:
        raise ValueError(f"{len(known)} other batches of {identity.key} are profiled, not two")
    sizes = sorted(known)
    above = next((i for i, size in enumerate(sizes) if size > identity.batch), len(sizes))
    first = min(max(above - 1, 0), len(sizes) - 2)
    line = _Line(known[sizes[first]], known[sizes[first + 1]], identity.batch)
    steps = tuple(_steps(line))
    memory = tuple(
        replace(low, **_amounts(line, low, high))
        for low in line.low.memory
        for high in line.high.memory
        if low.device == high.device
    )
    flops, moved = (round(_on(line, line.low, line.high, name)) for name in ("flops", "bytes"))
    return replace(
        line.nearest,
        identity=identity,
        predicted_from=(sizes[first], sizes[first + 1]),
        steps=steps,
        memory=memory,
        input=tuple(
            replace(low, **_inputs(line, low, high))
            for low, high in zip(line.low.input, line.high.input, strict=False)
            if low.epoch == high.epoch
        ),
        flops=flops,
        bytes=moved,
        intensity=flops / moved if moved else 0.0,
        bandwidth_gbps=moved / steps[0].mean_us * 1e-3,
        operators=tuple(_operators(line)),
    )


def _amounts(line: _Line, low: MemoryCost, high: MemoryCost) -> dict[str, Any]:
    return {name: round(_on(line, low, high, name)) for name in _MEMORY}


def _inputs(line: _Line, low: InputCost, high: InputCost) -> dict[str, Any]:
    times = {name: _on(line, low, high, name) for name in ("wait_us", "core_us")}
    sizes = {name: round(_on(line, low, high, name)) for name in ("batch_bytes", "storage_bytes")}
    return {**times, **sizes}


def _on(line: _Line, low: object, high: object, name: str) -> float:
    return line.value(getattr(low, name), getattr(high, name))


def _steps(line: _Line) -> Iterable[StepCost]:
    others = {(cost.device, cost.threads): cost for cost in line.high.steps}
    nearest = {(cost.device, cost.threads): cost for cost in line.nearest.steps}
    for low in line.low.steps:
        at = (low.device, low.threads)
        if at not in others:
            continue
        high, near = others[at], nearest[at]
        times = ("mean_us", "p10_us", "p50_us", "p90_us", "stall_us", *_STEP_TIMES)
        found: dict[str, Any] = {name: _on(line, low, high, name) for name in times}
        yield replace(near, **found, **_beside_others(line, low, high))


def _beside_others(line: _Line, low: StepCost, high: StepCost) -> dict[str, Any]:
    """Slow-downs and pressure never leave the range that was measured. A profile without bubbles
    knows none, and the other's are taken as they are."""
    if not low.compute_slowdown or not high.compute_slowdown:
        low = high = low if low.compute_slowdown else high
    share = min(1.0, max(0.0, line.share))

    def between(a: float, b: float) -> float:
        return a + (b - a) * share

    return {
        "compute_slowdown": tuple(map(between, low.compute_slowdown, high.compute_slowdown)),
        "stream_slowdown": tuple(map(between, low.stream_slowdown, high.stream_slowdown)),
        "pressure": between(low.pressure, high.pressure),
    }


def _operators(line: _Line) -> Iterable[OperatorCost]:
    """The nearest profile's operators, each in proportion to what all of its kind in its module
    come to. The number of calls may depend on the batch, so there is no pairing one by one."""
    low, high = _sums(line.low), _sums(line.high)
    for cost in line.nearest.operators:
        key = _key(cost)
        near = (low if line.nearest is line.low else high)[key]
        factor = {
            name: line.value(low[key][name], high[key][name]) / near[name] if near[name] else 1.0
            for name in near
        }
        scaled: dict[str, Any] = {name: getattr(cost, name) * factor[name] for name in factor}
        quantiles = ("p10_us", "p50_us", "p90_us")
        scaled.update({name: getattr(cost, name) * factor["mean_us"] for name in quantiles})
        whole = {name: round(scaled.pop(name)) for name in _AMOUNTS}
        yield replace(cost, shapes="", **whole, **scaled)


def _key(cost: OperatorCost) -> _Key:
    return cost.lane, cost.threads, cost.phase, cost.module, cost.operator


def _sums(profile: ModelProfile) -> dict[_Key, dict[str, float]]:
    sums: dict[_Key, dict[str, float]] = defaultdict(lambda: dict.fromkeys(_AMOUNTS + _TIMES, 0.0))
    for cost in profile.operators:
        at = sums[_key(cost)]
        for name in at:
            at[name] += getattr(cost, name)
    return sums
