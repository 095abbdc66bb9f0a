"""Operators compared with the machine's limits: FLOPs and bytes a second of each, and the rest.

The roofline model (Williams, Waterman, Patterson, CACM 2009). Bytes are those of the operators'
formulas, as if no cache held anything; an operator above the line of bandwidth works in a cache.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from experiments.operators.operator_class import GAPS, operator_class
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.operators.operator_cost import OperatorCost


@dataclass(frozen=True)
class OperatorRate:
    """The calls in a step of one operator on inputs of the same shapes. ``share`` is their part of
    the lane's operators and gaps; FLOPs, bytes and ``time_us`` are of all calls together."""

    operator: str
    shapes: str
    kind: str
    calls: int
    flops: int
    moved_bytes: int
    time_us: float
    share: float

    @property
    def gflops(self) -> float:
        """10^9 FLOPs a second."""
        return self.flops / self.time_us / 1e3

    @property
    def gbps(self) -> float:
        """10^9 bytes a second."""
        return self.moved_bytes / self.time_us / 1e3

    @property
    def intensity(self) -> float:
        """FLOPs per byte."""
        return self.flops / self.moved_bytes


@dataclass(frozen=True)
class LaneRoofline:
    """One lane at one thread count: its limits (None: not measured), its operators by share, the
    largest first, and ``idle``, the shares of all that neither computes nor moves (gaps, input,
    views). All shares add up to one."""

    lane: str
    threads: int
    peak_gflops: float | None
    bandwidth_gbps: float | None
    computing: tuple[OperatorRate, ...]
    moving: tuple[OperatorRate, ...]
    idle: dict[str, float]

    @property
    def ridge(self) -> float | None:
        """FLOPs per byte from which on computing is the limit."""
        if self.peak_gflops is None or self.bandwidth_gbps is None:
            return None
        return self.peak_gflops / self.bandwidth_gbps


def rooflines(profile: ModelProfile, machine: Machine) -> list[LaneRoofline]:
    """A roofline for every lane and thread count of ``profile``: ``computing`` are operators with
    FLOPs, ``moving`` those that only move bytes."""
    lanes: dict[tuple[str, int], list[OperatorCost]] = defaultdict(list)
    for cost in profile.operators:
        lanes[cost.lane, cost.threads].append(cost)
    return [_roofline(costs, machine, *lane) for lane, costs in sorted(lanes.items())]


def _roofline(costs: list[OperatorCost], machine: Machine, lane: str, threads: int) -> LaneRoofline:
    total_us = sum(cost.mean_us + cost.gap_before_us for cost in costs)
    grouped: dict[tuple[str, str, str], list[OperatorCost]] = defaultdict(list)
    idle_us = {GAPS: sum(cost.gap_before_us for cost in costs)}
    for cost in costs:
        name = cost.operator.removeprefix("aten::")
        if cost.flops or cost.moved_bytes:
            grouped[name, cost.shapes, operator_class(cost)].append(cost)
        else:
            idle_us[name] = idle_us.get(name, 0.0) + cost.mean_us
    rates = [_rate(name, alike, total_us) for name, alike in grouped.items()]
    shown = sorted((rate for rate in rates if rate.time_us > 0), key=lambda rate: -rate.time_us)
    peak, bandwidth = _limits(machine, lane, threads)
    return LaneRoofline(
        lane=lane,
        threads=threads,
        peak_gflops=peak,
        bandwidth_gbps=bandwidth,
        computing=tuple(rate for rate in shown if rate.flops and rate.moved_bytes),
        moving=tuple(rate for rate in shown if not rate.flops),
        idle={
            name: spent_us / total_us
            for name, spent_us in sorted(idle_us.items(), key=lambda item: -item[1])
            if spent_us > 0
        },
    )


def _rate(name: tuple[str, str, str], costs: list[OperatorCost], total_us: float) -> OperatorRate:
    time_us = sum(cost.mean_us for cost in costs)
    operator, shapes, kind = name
    return OperatorRate(
        operator=operator,
        shapes=shapes,
        kind=kind,
        calls=len(costs),
        flops=sum(cost.flops or 0 for cost in costs),
        moved_bytes=sum(cost.moved_bytes or 0 for cost in costs),
        time_us=time_us,
        share=time_us / total_us if total_us else 0.0,
    )


def _limits(machine: Machine, lane: str, threads: int) -> tuple[float | None, float | None]:
    """GFLOP/s of matrix products and GB/s that ``machine`` has on a lane."""
    if lane == "cpu":
        k = min(threads, len(machine.cores)) - 1
        return machine.matmul_gflops[k], machine.bandwidth_gbps[k]
    if not machine.gpus:
        return None, None
    gpu = machine.gpus[0]
    return (None, gpu.link_gbps) if lane == "link" else (gpu.matmul_gflops, gpu.bandwidth_gbps)
