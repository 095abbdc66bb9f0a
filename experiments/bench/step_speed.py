"""Compares every model's step with the straightforward one and with the machine's own bound.

``python -m experiments.bench.step_speed [--models a,b] [--batch 512] [--out FILE]``.
One thread, the two steps in turn in one process, medians over rounds. Where a model's tables do
not fit twice into ``--memory-gb`` they are capped, and the table says so; it also says whether
the straightforward step had a plain network (``experiments.bench.plain_networks``) or shares ours.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from experiments.bench.findings import (
    RMIXER,
    Columns,
    batches_option,
    chosen_entries,
    fingerprint,
    fitting_cap,
    memory_option,
    models_option,
    out_option,
    rows_as_text,
    tell,
)
from experiments.bench.straightforward import NetworkKind
from experiments.bench.tasks import TIME_STEPS
from experiments.bench.timed_steps import TimedSteps
from profiles.machines import limits
from rmixer.files.typed_files import write_json
from rmixer.training.process import WorkerProcess
from rmixer.workload.workload import job_of

BLOCK_S = 0.3


@click.command()
@models_option
@batches_option(128, 512, 2048)
@click.option("--rounds", type=click.IntRange(2), default=5, show_default=True)
@memory_option
@click.option(
    "--network",
    type=click.Choice(["plain", "shared"]),
    default="plain",
    show_default=True,
    help="What the straightforward step computes: its own network, or ours.",
)
@out_option
def main(
    models: str | None,
    batches: tuple[int, ...],
    rounds: int,
    memory_gb: float,
    network: NetworkKind,
    out: Path | None,
) -> None:
    """Times the steps."""
    core = limits.usable_cores()[:1]
    rows: list[dict[str, Any]] = []
    found = {"fingerprint": fingerprint(), "steps": rows}
    for entry in chosen_entries(models):
        cap = fitting_cap(entry, memory_gb * 1e9)
        for batch in batches:
            job = replace(job_of(entry.name), batch=batch, rows_cap=cap)
            with WorkerProcess(core) as worker:
                worker.warm_up()
                timed = worker.call(
                    TIME_STEPS,
                    job=job,
                    rounds=rounds,
                    block_s=BLOCK_S,
                    network=network,
                )
            bound_ms = TimedSteps(**timed).bound_ms
            rows.append(
                {"model": entry.name, "batch": batch, "rows_cap": cap, **timed}
                | {"bound_ms": bound_ms}
            )
            click.echo(f"{entry.name} {batch}: {timed['ours_ms']:.2f} ms", err=True)
            if out:
                write_json(out, found)
    tell(present(rows), out, found)


def present(rows: list[dict[str, Any]]) -> str:
    """The table, and the goals compared with the results."""
    columns: Columns = {
        "model": "{0[model]}",
        "batch": "{0[batch]}",
        "rows cap": lambda row: f"{row['rows_cap']:,}" if row["rows_cap"] else "",
        "ours ms": "{0[ours_ms]:.2f}",
        "theirs ms": "{0[straightforward_ms]:.2f}",
        "network": "{0[network]}",
        "faster": "{0[speedup]:.2f}",
        "floor": "{0[floor]:.1%}",
        "bound ms": "{0[bound_ms]:.2f}",
        "x bound": lambda row: f"{row['ours_ms'] / row['bound_ms']:.2f}",
        "load": lambda row: f"{row['load_ms'] / row['ours_ms']:.1%}",
    }
    lines = [rows_as_text(rows, columns, 120, words="network")]
    slower = [f"{r['model']} {r['batch']}" for r in rows if r["speedup"] < 1.0 - r["floor"]]
    lines.append(f"slower than the straightforward step: {', '.join(slower) or 'none'}")
    of_rmixer = [row for row in rows if row["model"].startswith(RMIXER)]
    if of_rmixer:
        most = max(of_rmixer, key=lambda row: float(row["speedup"]))["model"]
        others = [row for row in of_rmixer if row["model"] != most]
        without = f"; without {most} {_mean_speedup(others):.2f}x" if others else ""
        mean = _mean_speedup(of_rmixer)
        lines.append(f"RMixer's models: {mean:.2f}x in the geometric mean (goal: 1.5){without}")
    far = {
        row["model"]: row["ours_ms"] / row["bound_ms"]
        for row in rows
        if row["model"].startswith("criteo_") and row["batch"] == 512
    }
    listed = ", ".join(f"{name} {factor:.2f}" for name, factor in far.items())
    lines.append(
        f"Criteo models at batch 512, times the bound (goal: 1.5): {listed or 'none timed'}"
    )
    return "\n".join(lines)


def _mean_speedup(rows: list[dict[str, Any]]) -> float:
    """The geometric mean."""
    return math.exp(statistics.fmean(math.log(row["speedup"]) for row in rows))


if __name__ == "__main__":
    main()
