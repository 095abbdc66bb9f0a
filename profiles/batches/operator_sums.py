"""Sums of the operators of a profile by kind: those of one name in one module and phase."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from rmixer.model_profile.model_profile import ModelProfile
from rmixer.operators.operator_cost import HOST_COLUMNS, OperatorCost

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
