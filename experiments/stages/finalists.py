"""Which configurations of a sweep are looked at job by job, besides the best."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from experiments.run_files.finalists_file import Finalist
from experiments.run_files.sweep_file import SweepRow
from rmixer.policies.baselines.sequential import Sequential
from rmixer.run_record.run_summary import RunSummary

MOST = 5
"""Policies whose completions are kept, the best one's included."""


def finalists(
    order: Sequence[SweepRow], summary_of: Callable[[SweepRow], RunSummary]
) -> tuple[Finalist, ...]:
    """The first row of each of the next best policies after the best row's, of rows that are in
    ``order``. Only rows count that are as precise as the best, for ``summary_of`` is to simulate
    each of them again at no great cost. One job at a time is in every sweep anyway."""
    first: dict[str, SweepRow] = {}
    for row in order:
        if row.makespan_s is not None and row.level == order[0].level:
            first.setdefault(_rule(row), row)
    known = (_rule(order[0]), Sequential.name)
    chosen = [row for row in first.values() if _rule(row) not in known][: MOST - 1]
    return tuple(
        Finalist(row.label, tuple(job.completion_s or 0.0 for job in summary_of(row).jobs))
        for row in chosen
    )


def _rule(row: SweepRow) -> str:
    """The policy without its device rule: variants of one rule are much alike."""
    return row.policy.partition("@")[0]
