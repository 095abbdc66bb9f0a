"""The configurations of a sweep as a table of a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from experiments.report.page_table import Column, PageTable, memory, number, table, time, words
from experiments.run_files.sweep_file import ROUGH, SweepRow
from rmixer.display.quantities import ABSENT

MOST_ROWS = 150


def candidates_table(rows: Sequence[SweepRow], most: int = MOST_ROWS) -> PageTable:
    """A row for each of ``rows``, best first, that was simulated, at most ``most``; below it the
    number of others, and the reasons why they were not simulated."""
    simulated = [row for row in rows if row.makespan_s is not None]
    columns = [
        Column("rank", True),
        Column("policy"),
        Column("GPU slots × threads"),
        Column("CPU slots × threads"),
        Column("completion, weighted", True, "by the weight of each job"),
        Column("tardiness", True, "time after deadlines, by the weight of each job"),
        Column("makespan", True),
        Column("times as fast", True, "against one job at a time"),
        Column("completion, mean", True, "from the arrival of a job to its end"),
        Column("completion, p95", True, "95% of the jobs do not take longer"),
        Column("waiting, mean", True, "from the arrival of a job to its start"),
        Column("peak memory", True, "the largest sum on one device"),
        Column("simulated", False, f"the level of the simulator; {ROUGH}: from mean demand"),
    ]
    cells = [
        (
            number(place),
            words(row.policy),
            words(_slots(row.gpu_slots, row.gpu_threads)),
            words(_slots(row.cpu_slots, row.cpu_threads)),
            time(row.weighted_completion_s),
            time(row.tardiness_s),
            time(row.makespan_s),
            number(row.speedup, "{:.2f}×".format),
            time(row.mean_completion_s),
            time(row.p95_completion_s),
            time(row.mean_waiting_s),
            memory(row.peak_bytes),
            words(row.level),
        )
        for place, row in enumerate(simulated[:most], 1)
    ]
    below = [f"{len(simulated)} configurations were simulated."]
    if len(simulated) > most:
        below = [f"{below[0]} The table has the best {most}; all are in sweep.json."]
    left = Counter(row.why for row in rows if row.makespan_s is None)
    below += [f"{count} not simulated: {why}" for why, count in left.items()]
    return table("Configurations, best first", columns, cells, below)


def _slots(slots: int, threads: int) -> str:
    return f"{slots} × {threads}" if slots else ABSENT
