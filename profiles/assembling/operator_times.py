"""Joins the operators with their times, with the profiler's cost taken out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from profiles.traces.profiler_events import INPUT_MARK, Called, check_same_operators
from profiles.work.operator_formulas import NOTHING
from rmixer.operators.operator_cost import OperatorCost

Times = NDArray[np.float64]


@dataclass(frozen=True)
class OperatorTimes:
    """Corrected ``durations_us`` and ``gaps_us`` [steps, operators] of one thread count."""

    calls: Sequence[Called]
    durations_us: Times
    gaps_us: Times
    threads: int

    @property
    def total_us(self) -> float:
        """The sum of mean durations and mean gaps: the step time by its operators."""
        return float(self.durations_us.mean(axis=0).sum() + self.gaps_us.mean(axis=0).sum())

    @property
    def lanes_us(self) -> dict[str, float]:
        """The sum of operators and gaps by lane: only the host's."""
        return {"cpu": self.total_us}

    def costs(self) -> list[OperatorCost]:
        """A row of ``operators.csv`` for each operator; uncounted work is 0."""
        p10, p50, p90 = np.quantile(self.durations_us, (0.1, 0.5, 0.9), axis=0)
        mean, gap = self.durations_us.mean(axis=0), self.gaps_us.mean(axis=0)
        rows = []
        for index, call in enumerate(self.calls):
            is_input = call.name == INPUT_MARK
            work = call.work or NOTHING
            rows.append(
                OperatorCost(
                    index=index,
                    phase=call.phase,
                    module=call.module,
                    operator="input" if is_input else call.name,
                    forward_index=call.forward_index,
                    shapes=call.operands,
                    **vars(work),
                    lane="cpu",
                    threads=self.threads,
                    p10_us=float(p10[index]),
                    p50_us=float(p50[index]),
                    p90_us=float(p90[index]),
                    mean_us=float(mean[index]),
                    gap_before_us=float(gap[index]),
                    host_us=0.0,
                )
            )
        return rows


def merge_operators(
    calls: Sequence[Called], profiled: Sequence[dict[str, Any]], event_us: float, threads: int
) -> OperatorTimes:
    """The operators ``calls`` with the times of all ``profiled`` blocks.

    Each of the profiler's events costs ``event_us``. Events nested in an operator lengthen it;
    of its own event half falls inside, and half into the gaps on its two sides; events between
    operators lengthen the gap.
    """
    names = [call.name for call in calls]
    for block in profiled:
        check_same_operators(names, block["names"])
    durations = np.concatenate([block["durations"] for block in profiled])
    gaps = np.concatenate([block["gaps"] for block in profiled])
    nested = profiled[0]["events"] - 0.5
    between = profiled[0]["events_before"] + 0.5
    # A stalled machine during one operator says nothing about the operator.
    totals = (durations + gaps).sum(axis=1)
    steady = totals <= 10 * np.median(totals)
    durations = durations[steady] - event_us * nested
    gaps = gaps[steady] - event_us * between
    return OperatorTimes(
        calls=calls,
        durations_us=np.maximum(0.0, durations),
        gaps_us=np.maximum(0.0, gaps),
        threads=threads,
    )


def closure_of(total_us: float, mean_us: float) -> float:
    """(operators + gaps) / uninstrumented mean step - 1, before any scaling."""
    return total_us / mean_us - 1.0


def total_work(operators: Sequence[OperatorCost], threads: int) -> tuple[int, int]:
    """FLOPs and bytes of one step."""
    rows = [cost for cost in operators if cost.threads == threads]
    flops = sum(cost.flops or 0 for cost in rows)
    return flops, sum(cost.moved_bytes or 0 for cost in rows)
