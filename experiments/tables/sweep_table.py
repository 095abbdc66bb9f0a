"""The configurations of a sweep, best first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from textwrap import fill

from experiments.run_files.sweep_file import PRECISION, ROUGH, SweepRow, ranked
from rmixer.display.quantities import ABSENT, figures, seconds, size, time_unit
from rmixer.display.tables import NumberTable
from sim.planning.objective import Objective, in_words

MOST_ROWS = 30
SHOWN = ("makespan", "completion")
"""The objectives whose figures every table has."""
LINE = 28


def sweep_table(
    rows: Iterable[SweepRow],
    title: str = "Predicted schedules, best first",
    most: int = MOST_ROWS,
    objective: Objective = "makespan",
) -> NumberTable:
    """A row a configuration that was simulated, at most ``most``; policies with the same figures on
    the same slots share one, and a policy with the same figures on other slots has its best row
    alone. The caption counts the others by reason. All times are in one unit,
    which the title names."""
    order = ranked(rows, objective)
    simulated = [row for row in order if row.makespan_s is not None]
    unit, unit_s = time_unit(min((row.makespan_s or 0.0 for row in simulated), default=0.0))
    kinds = _kinds(simulated)
    bounded = any(row.gap is not None for row in simulated)
    own = in_words(objective).replace(" ", "\n") if objective not in SHOWN else ""
    table = NumberTable(f"{title}; slots × threads; times in {unit}").numbers("").words("policy")
    table.numbers(
        *kinds,
        *((own,) if own else ()),
        "makespan",
        *(("gap",) if bounded else ()),
        "against\nsequential",
        "completion\nmean, p95",
        "waiting\nmean, p95",
        "peak\nmemory",
    )

    def cells(row: SweepRow) -> tuple[str, ...]:
        return (
            *(_cut(row, kind) for kind in kinds),
            *((_time(row.wanted_s(objective), unit_s),) if own else ()),
            f"{(row.makespan_s or 0.0) / unit_s:.1f}",
            *((_gap(row),) if bounded else ()),
            f"{row.speedup:.2f}×" if row.speedup is not None else ABSENT,
            _pair(row.mean_completion_s, row.p95_completion_s, unit_s),
            _pair(row.mean_waiting_s, row.p95_waiting_s, unit_s),
            size(row.peak_bytes),
        )

    first: dict[tuple[str, ...], SweepRow] = {}
    for row in simulated:
        first.setdefault((row.policy, *cells(row)[len(kinds) :]), row)
    rows_shown = list(_alike((row.policy, cells(row)) for row in first.values()).items())[:most]
    for rank, (figures_shown, policies) in enumerate(rows_shown, start=1):
        style = "bold" if rank == 1 else None
        table.add_row(str(rank), _listed(policies), *figures_shown, style=style)
    levels = sorted({row.level for row in simulated if row.level})
    pruned = Counter(row.why for row in order if row.makespan_s is None)
    said = [f"{len(simulated)} rows ranked{_tied(simulated, objective)}"]
    if left := len(simulated) - sum(len(policies) for _, policies in rows_shown):
        said += [f"{left} more in sweep.json"]
    said += [f"level of the simulator: {', '.join(levels)}{_rough(levels)}"] if levels else []
    if bounded:
        said += [f"gap: {_bounds(simulated, objective)}"]
    said += [line for row in simulated for line in _batches(row)]
    said += [f"{n} not simulated: {why}" for why, n in pruned.items()]
    table.caption = "\n".join(said)
    return table


def _alike(rows: Iterable[tuple[str, tuple[str, ...]]]) -> dict[tuple[str, ...], list[str]]:
    """The policies of each row of figures, from pairs of both, in their order."""
    found: dict[tuple[str, ...], list[str]] = {}
    for policy, shown in rows:
        found.setdefault(shown, []).append(policy)
    return found


def _listed(policies: Iterable[str]) -> str:
    """Their names in lines of about ``LINE`` characters, without broken names."""
    return fill(", ".join(policies), LINE, break_long_words=False, break_on_hyphens=False)


def _tied(order: Sequence[SweepRow], objective: Objective) -> str:
    """A note on the ranking if makespans alone did not decide it."""
    if objective != "makespan":
        return f" by {in_words(objective)}"
    makespans = [row.makespan_s or 0.0 for row in order]
    if makespans == sorted(makespans):
        return ""
    return f"; makespans within {PRECISION:.0%} of the shortest are ranked by mean completion"


def _rough(levels: Sequence[str]) -> str:
    if levels == [ROUGH]:
        return " (rough step times: the queue is too long for exact ones)"
    return " (rough step times, for rows that cannot win)" if ROUGH in levels else ""


def _gap(row: SweepRow) -> str:
    return ABSENT if row.gap is None else f"{row.gap:.1%}"


def _bounds(rows: Iterable[SweepRow], objective: Objective) -> str:
    """``how much longer than 62.2 s, which no schedule beats because of the longest job``."""
    found = sorted({(row.bound_s or 0.0, row.held_by or "") for row in rows if row.gap is not None})
    (bound_s, held_by), *_ = found
    than = f"{seconds(bound_s)}, which no schedule beats because of the {held_by}"
    if objective == "makespan":
        return f"how much longer than {than}"
    return f"how much more {in_words(objective)} than {than}"


def _batches(row: SweepRow) -> list[str]:
    """``search: batch 512 for job-0, job-3``, a line for each batch."""
    by_batch: dict[int, list[str]] = {}
    for job, batch in sorted(row.batches.items()):
        by_batch.setdefault(batch, []).append(job)
    return [
        f"{row.policy}: batch {batch} for {', '.join(jobs)}"
        for batch, jobs in sorted(by_batch.items())
    ]


def _kinds(rows: Iterable[SweepRow]) -> list[str]:
    """The kinds of device that some row uses."""
    used = {kind for row in rows for kind in ("GPU", "CPU") if _cut(row, kind) != ABSENT}
    return [kind for kind in ("GPU", "CPU") if kind in used]


def _cut(row: SweepRow, kind: str) -> str:
    cut = row.cut
    slots, threads = (
        (cut.gpu_slots, cut.gpu_threads) if kind == "GPU" else (cut.cpu_slots, cut.cpu_threads)
    )
    return f"{slots}×{threads}" if slots else ABSENT


def _time(value_s: float | None, unit_s: float) -> str:
    return figures(None if value_s is None else value_s / unit_s)


def _pair(mean_s: float | None, p95_s: float | None, unit_s: float) -> str:
    if mean_s is None and p95_s is None:
        return ABSENT
    return f"{_time(mean_s, unit_s)}, {_time(p95_s, unit_s)}"
