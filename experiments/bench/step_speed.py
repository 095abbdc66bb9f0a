"""Compares every model's step with the straightforward one and with the machine's own bound.

``python -m experiments.bench.step_speed [--models a,b] [--batch 512] [--out FILE]``.
One thread, the two steps in turn in one process, medians over rounds. Where a model's tables do
not fit twice into ``--memory-gb`` they are capped, and the table says so; it also says whether
the straightforward step had a plain network (``experiments.bench.plain_networks``) or shares ours.
"""

from __future__ import annotations

import io
import math
import statistics
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
import torch
from rich import box
from rich.console import Console, RenderableType
from rich.table import Table

from experiments.bench.straightforward import NetworkKind
from experiments.bench.tasks import TIME_STEPS
from experiments.bench.timed_steps import TimedSteps
from profiles.machines import limits
from rmixer.files.typed_files import write_json, write_text
from rmixer.hardware.fingerprint import take_fingerprint
from rmixer.models.entry import ModelEntry
from rmixer.models.registry import MODELS, model_entry
from rmixer.training.process import WorkerProcess
from rmixer.workload.workload import job_of

RMIXER = ("criteo_", "avazu_", "amazon_", "alidisplay_", "kdd_", "beauty_")
BLOCK_S = 0.3
STATES = {"sgd": 1, "rowwise_adagrad": 1, "adagrad": 2, "adam": 3, "adamw": 3}


@click.command()
@click.option("--models", help="Names, like criteo_dlrm,rm1. Default: all.")
@click.option(
    "--batch",
    "batches",
    type=click.IntRange(1),
    multiple=True,
    default=(128, 512, 2048),
    show_default=True,
)
@click.option("--rounds", type=click.IntRange(2), default=5, show_default=True)
@click.option("--memory-gb", type=click.FloatRange(0.1), default=6.0, show_default=True)
@click.option(
    "--network",
    type=click.Choice(["plain", "shared"]),
    default="plain",
    show_default=True,
    help="What the straightforward step computes: its own network, or ours.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Write the figures here as JSON, the table as .txt.",
)
def main(
    models: str | None,
    batches: tuple[int, ...],
    rounds: int,
    memory_gb: float,
    network: NetworkKind,
    out: Path | None,
) -> None:
    """Times the steps."""
    entries = [model_entry(name) for name in models.split(",")] if models else MODELS.values()
    core = limits.usable_cores()[:1]
    rows: list[dict[str, Any]] = []
    for entry in entries:
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
                fingerprint = take_fingerprint(limits.processor_name())
                write_json(out, {"fingerprint": asdict(fingerprint), "steps": rows})
    text = present(rows)
    click.echo(text)
    if out:
        write_text(out.with_suffix(".txt"), text + "\n")


def fitting_cap(entry: ModelEntry, most_bytes: float) -> int | None:
    """The largest power of ten (or none) that bounds the tables so that two steps of ``entry``
    hold at most ``most_bytes`` of weights and states."""
    caps: tuple[int | None, ...] = (None, 10**8, 10**7, 10**6, 10**5, 10**4)
    for cap in caps:
        with torch.device("meta"):
            parameters = sum(entry.build(cap).parameter_counts())
        if 2 * 4 * parameters * STATES[entry.optimizer] <= most_bytes:
            return cap
    return caps[-1]


def present(rows: list[dict[str, Any]]) -> str:
    """The table, and the goals compared with the results."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("model", no_wrap=True)
    for name in ("batch", "rows cap", "ours ms", "theirs ms"):
        table.add_column(name, justify="right")
    table.add_column("network")
    for name in ("faster", "floor", "bound ms"):
        table.add_column(name, justify="right")
    table.add_column("x bound", justify="right")
    table.add_column("load", justify="right")
    for row in rows:
        cells = (
            str(row["batch"]),
            f"{row['rows_cap']:,}" if row["rows_cap"] else "",
            f"{row['ours_ms']:.2f}",
            f"{row['straightforward_ms']:.2f}",
            row["network"],
            f"{row['speedup']:.2f}",
            f"{row['floor']:.1%}",
            f"{row['bound_ms']:.2f}",
            f"{row['ours_ms'] / row['bound_ms']:.2f}",
            f"{row['load_ms'] / row['ours_ms']:.1%}",
        )
        table.add_row(row["model"], *cells)
    lines = [as_text(table, 120)]
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


def as_text(table: RenderableType, width: int) -> str:
    """``table`` as lines of at most ``width`` characters."""
    console = Console(width=width, file=io.StringIO())
    with console.capture() as captured:
        console.print(table)
    return captured.get().rstrip()


if __name__ == "__main__":
    main()
