"""Selects the configurations of a sweep that are examined job by job, besides the best."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from experiments.run_files.finalists_file import Finalist
from experiments.run_files.sweep_file import SweepRow
from rmixer.policies.baselines.simple import Sequential
from rmixer.run_record.run_summary import RunSummary

MOST = 5
"""The number of policies whose completions are kept, with the best one."""


def finalists(
    order: Sequence[SweepRow], summary_of: Callable[[SweepRow], RunSummary]
) -> tuple[Finalist, ...]:
    """The first row of each of the next best policies after the best row's, from rows in ``order``.
    Only rows as precise as the best count, because ``summary_of`` simulates each of them again. One
    job at a time is left out: it is in every sweep."""
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
    """The policy without its device rule: variants of one rule are similar."""
    return row.policy.partition("@")[0]
