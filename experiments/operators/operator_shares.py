"""The share of a step that each operator takes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from experiments.operators.operator_class import GAPS
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.operators.operator_cost import UNKNOWN_PHASE, OperatorCost


@dataclass(frozen=True)
class OperatorShare:
    """The calls of one operator in one phase of a step. ``share`` maps (lane, threads) to its part
    of that lane's operators and gaps; calls, FLOPs and bytes are of one step."""

    phase: str
    operator: str
    calls: int
    flops: int
    bytes: int
    share: dict[tuple[str, int], float]


def operator_shares(profile: ModelProfile) -> list[OperatorShare]:
    """Operators by phase and name, the largest shares first, and the gaps between them as one."""
    totals: dict[tuple[str, int], float] = defaultdict(float)
    grouped: dict[tuple[str | None, str], list[OperatorCost]] = defaultdict(list)
    gaps: dict[tuple[str, int], float] = defaultdict(float)
    for cost in profile.operators:
        lane = (cost.lane, cost.threads)
        totals[lane] += cost.mean_us + cost.gap_before_us
        gaps[lane] += cost.gap_before_us
        grouped[cost.phase, cost.operator].append(cost)
    shares = []
    for (phase, operator), costs in grouped.items():
        lane = (costs[0].lane, costs[0].threads)
        first = [cost for cost in costs if (cost.lane, cost.threads) == lane]
        spent: dict[tuple[str, int], float] = defaultdict(float)
        for cost in costs:
            spent[cost.lane, cost.threads] += cost.mean_us
        shares.append(
            OperatorShare(
                phase=phase or UNKNOWN_PHASE,
                operator=operator.removeprefix("aten::"),
                calls=len(first),
                flops=sum(cost.flops or 0 for cost in first),
                bytes=sum(cost.moved_bytes or 0 for cost in first),
                share=_fractions(spent, totals),
            )
        )
    shares.append(OperatorShare("", GAPS, 0, 0, 0, _fractions(gaps, totals)))
    return sorted(shares, key=lambda share: -sum(share.share.values()))


def _fractions(
    part_us: dict[tuple[str, int], float], whole_us: dict[tuple[str, int], float]
) -> dict[tuple[str, int], float]:
    return {lane: part_us[lane] / whole_us[lane] for lane in part_us if whole_us[lane] > 0}
