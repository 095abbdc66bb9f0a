"""``sweep.csv``: the rows of ``sweep.json`` for a spreadsheet or a data frame."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from experiments.run_files.sweep_file import SweepRow
from rmixer.files.typed_files import write_text

SWEEP_CSV = "sweep.csv"
_FIRST = (
    "policy",
    "gpu_slots",
    "cpu_slots",
    "gpu_threads",
    "cpu_threads",
    "seed",
    "makespan_s",
    "mean_completion_s",
    "p95_completion_s",
    "weighted_completion_s",
    "tardiness_s",
)
_LAST = ("peak_bytes", "bound_s", "gap", "level", "why", "doubtful")


def sweep_csv(rows: Sequence[SweepRow]) -> str:
    """The text of ``sweep.csv``, ``rows`` in their order. After the completions there is a column
    ``busy_<device>`` for each device that some row uses; an unknown figure is empty."""
    used = {name for row in rows for name in row.busy}
    devices = sorted(used, key=lambda name: (name == "cpu:0", len(name), name))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow((*_FIRST, *(f"busy_{name}" for name in devices), *_LAST))
    for row in rows:
        first, last = ([getattr(row, name) for name in names] for names in (_FIRST, _LAST))
        writer.writerow((*first, *(row.busy.get(name) for name in devices), *last))
    return out.getvalue()


def write_sweep_csv(folder: Path, rows: Sequence[SweepRow]) -> None:
    """Writes ``sweep.csv`` all or nothing."""
    write_text(folder / SWEEP_CSV, sweep_csv(rows))
