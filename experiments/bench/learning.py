"""Checks that every model learns its synthetic copy: quality on held-out samples after some steps.

``python -m experiments.bench.learning [--models a,b] [--steps 300] [--out FILE]``. Sizes, batch
and optimizer as configured; where a model's tables do not fit ``--memory-gb`` they are capped,
and the table says so. A model that ranks items stands beside a ranking by how often each was
asked for in the batches it was trained on. The same seed gives the same figures.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
import torch
from rich import box
from rich.table import Table

from experiments.bench.step_speed import as_text, fitting_cap
from experiments.bench.tasks import LEARN
from profiles.machines import limits
from rmixer.data.batches import Batches
from rmixer.data.prepare import open_dataset, prepare
from rmixer.files.typed_files import write_json, write_text
from rmixer.hardware.fingerprint import take_fingerprint
from rmixer.models.metrics import ranking
from rmixer.models.registry import MODELS, model_entry
from rmixer.training.process import WorkerProcess
from rmixer.training.step import TrainingStep
from rmixer.training.worker import Channel
from rmixer.workload.workload import Job, job_of

GOAL_AUC = 0.7
HELD_OUT_SAMPLES = 10_000


@click.command()
@click.option("--models", help="Names, like criteo_dlrm,rm1. Default: all.")
@click.option("--steps", type=click.IntRange(1), default=300, show_default=True)
@click.option("--batch-max", type=click.IntRange(1), default=512, show_default=True)
@click.option("--memory-gb", type=click.FloatRange(0.1), default=6.0, show_default=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Write the figures here as JSON, the table as .txt.",
)
def main(
    models: str | None, steps: int, batch_max: int, memory_gb: float, out: Path | None
) -> None:
    """Trains each model and measures."""
    entries = [model_entry(name) for name in models.split(",")] if models else MODELS.values()
    rows: list[dict[str, Any]] = []
    for entry in entries:
        prepare(entry.dataset, "synthetic")
        configured = job_of(entry.name)
        job = replace(
            configured,
            batch=min(configured.batch, batch_max),
            steps=steps,
            rows_cap=fitting_cap(entry, 2 * memory_gb * 1e9),
        )
        with WorkerProcess(limits.usable_cores()) as worker:
            worker.warm_up()
            found = worker.call(LEARN, job=job)
        rows.append(
            {"model": entry.name, "batch": job.batch, "steps": steps, "rows_cap": job.rows_cap}
            | found
        )
        click.echo(f"{entry.name}: {found['after']}", err=True)
        if out:
            fingerprint = take_fingerprint(limits.processor_name())
            write_json(out, {"fingerprint": asdict(fingerprint), "models": rows})
    text = present(rows)
    click.echo(text)
    if out:
        write_text(out.with_suffix(".txt"), text + "\n")


def learn(channel: Channel, job: Job) -> dict[str, Any]:
    """A worker's task: the quality of ``job``'s model before and after its steps."""
    step = TrainingStep(job)
    held_out = -(-HELD_OUT_SAMPLES // job.batch)
    before = step.evaluate(held_out)
    for _ in range(job.steps):
        step.run()
    found = {"before": before, "after": step.evaluate(held_out)}
    if "candidates" in step.model.measured_inputs:
        found["popularity"] = popularity(job, held_out)
    return found


def popularity(job: Job, held_out: int) -> dict[str, float]:
    """The quality of ranking items by their number among those masked in the batches of ``job``."""
    arrays = open_dataset(job.entry.dataset, job.data)
    names = ("masked_items", "masked_count")
    batches = Batches(arrays, job.batch, job.seed, job.rows_cap, names)
    seen = []
    for _ in range(job.steps):
        batch = batches.next_batch()
        used = torch.arange(batch["masked_items"].shape[1]) < batch["masked_count"].unsqueeze(1)
        seen.append(batch["masked_items"][used])
    counts = torch.bincount(torch.cat(seen), minlength=job.entry.config["items"])
    ranks = []
    for batch in batches.held_out(held_out, ("candidates",)):
        of_item, of_others = counts[batch["masked_items"][:, :1]], counts[batch["candidates"]]
        competes = batch["candidates"] != 0
        above, tied = (of_others > of_item) & competes, (of_others == of_item) & competes
        ranks.append(1.0 + above.sum(1) + 0.5 * tied.sum(1))
    return ranking(torch.cat(ranks).numpy())


def present(rows: list[dict[str, Any]]) -> str:
    """A line for each model, and the models that miss the goal."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("model", no_wrap=True)
    for name in ("batch", "steps", "rows cap", "loss before", "after"):
        table.add_column(name, justify="right")
    table.add_column("quality after")
    for row in rows:
        quality = {name: value for name, value in row["after"].items() if name != "loss"}
        if "popularity" in row:
            quality["by popularity"] = row["popularity"]["hit_rate_10"]
        table.add_row(
            row["model"],
            str(row["batch"]),
            str(row["steps"]),
            f"{row['rows_cap']:,}" if row["rows_cap"] else "",
            f"{row['before']['loss']:.4f}",
            f"{row['after']['loss']:.4f}",
            ", ".join(f"{name} {value:.3f}" for name, value in quality.items()),
        )
    lines = [as_text(table, 120)]
    missed = [row["model"] for row in rows if row["after"].get("auc", 1.0) <= GOAL_AUC]
    lines.append(f"AUC of at most {GOAL_AUC}: {', '.join(missed) or 'none'}")
    ranks = [row for row in rows if "popularity" in row]
    behind = [
        row["model"]
        for row in ranks
        if row["after"]["hit_rate_10"] <= row["popularity"]["hit_rate_10"]
    ]
    if ranks:
        lines.append(f"hit rate at 10 not above popularity's: {', '.join(behind) or 'none'}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
