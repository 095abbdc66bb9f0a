"""The configurations of a sweep, best first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rich import box

from experiments.run_files.sweep_file import SweepRow, ranked
from rmixer.display.quantities import ABSENT, seconds, size
from rmixer.display.tables import NumberTable


def sweep_table(
    rows: Iterable[SweepRow], title: str = "Predicted schedules, best first"
) -> NumberTable:
    """A row a configuration that was simulated; the caption counts the others by reason."""
    table = NumberTable(
        title=title,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
        pad_edge=False,
    )
    table.add_column("", justify="right")
    table.add_column("policy", no_wrap=True)
    table.add_column("slots × threads", no_wrap=True)
    for name in ("makespan", "against\nsequential", "mean\ncompletion"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("peak\nmemory", justify="right", no_wrap=True)
    table.add_column("simulated by", overflow="fold")
    pruned: Counter[str] = Counter()
    for rank, row in enumerate(ranked(rows), start=1):
        if row.makespan_s is None:
            pruned[row.why] += 1
            continue
        table.add_row(
            str(rank),
            row.policy,
            str(row.cut),
            seconds(row.makespan_s),
            f"{row.speedup:.2f}×" if row.speedup is not None else ABSENT,
            seconds(row.mean_completion_s),
            size(row.peak_bytes),
            row.level or "",
            style="bold" if rank == 1 else None,
        )
    if pruned:
        table.caption = "\n".join(f"{n} not simulated: {why}" for why, n in pruned.items())
    return table
