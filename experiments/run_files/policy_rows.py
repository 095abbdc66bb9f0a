"""One policy on one layout of one machine: a row of a comparison of policies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from experiments.run_files.sweep_file import SweepRow


@dataclass(frozen=True)
class PolicyRow(SweepRow):
    """The row of a sweep of ``workload`` on a ``machine`` of so many ``gpus``."""

    workload: str = ""
    machine: str = ""
    gpus: int = 0


def by_machine(rows: Iterable[PolicyRow]) -> list[list[PolicyRow]]:
    """The rows that were simulated, by machine, in their order."""
    found: dict[tuple[str, int], list[PolicyRow]] = {}
    for row in rows:
        if row.speedup is not None:
            found.setdefault((row.machine, row.gpus), []).append(row)
    return list(found.values())


def best_rows(rows: Sequence[PolicyRow]) -> dict[str, dict[str, PolicyRow]]:
    """By policy and workload the fastest of ``rows``, over the layouts and, for RMixer's, the
    device rules; the policies with the best mean come first."""
    best: dict[str, dict[str, PolicyRow]] = {}
    for row in rows:
        found = best.setdefault(row.policy.partition("@")[0], {})
        found[row.workload] = max(found.get(row.workload, row), row, key=speedup_of)
    means = {name: fmean(map(speedup_of, found.values())) for name, found in best.items()}
    return {name: best[name] for name in sorted(best, key=lambda name: -means[name])}


def speedup_of(row: SweepRow) -> float:
    """Its speed-up over one job at a time; 0 if it was not simulated."""
    return row.speedup or 0.0
