"""The runs in a folder as a table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.markup import escape

from experiments.run_files.found_runs import FoundRun
from rmixer.display.quantities import ABSENT, size
from rmixer.display.tables import NumberTable


def runs_table(runs: Sequence[FoundRun]) -> NumberTable:
    """A row a run, and the sum of their sizes."""
    total = size(sum(run.size_bytes for run in runs))
    table = NumberTable(caption=f"{len(runs)} run(s), {total}")
    table.words("run", "command", "workload", "state").numbers("size").words("changed")
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
