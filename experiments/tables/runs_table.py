"""The runs that lie in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich import box
from rich.markup import escape

from experiments.run_files.found_runs import FoundRun
from rmixer.display.quantities import ABSENT, size
from rmixer.display.tables import NumberTable


def runs_table(runs: Sequence[FoundRun]) -> NumberTable:
    """A row a run, and the sum of their sizes."""
    table = NumberTable(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        caption=f"{len(runs)} run(s), {size(sum(run.size_bytes for run in runs))}",
        caption_justify="left",
    )
    for name in ("run", "command", "workload", "state"):
        table.add_column(name, no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("changed", no_wrap=True)
    for run in runs:
        table.add_row(
            escape(Path(run.path).name),
            run.command or ABSENT,
            escape(run.workload) or ABSENT,
            run.state,
            size(run.size_bytes),
            datetime.fromtimestamp(run.changed_s).strftime("%Y-%m-%d %H:%M"),
        )
    return table
