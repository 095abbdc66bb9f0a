"""Checks that every model learns its synthetic copy: quality on held-out samples after some steps.

``python -m experiments.bench.learning [--models a,b] [--steps 300] [--out FILE]``. Sizes, batch
and optimizer as configured; where a model's tables do not fit ``--memory-gb`` they are capped,
and the table says so. A model that ranks items stands beside a ranking by how often each was
asked for in the batches it was trained on. The same seed gives the same figures.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import torch

from experiments.bench.findings import (
    Columns,
    chosen_entries,
    fingerprint,
    fitting_cap,
    memory_option,
    models_option,
    out_option,
    rows_as_text,
    tell,
)
from experiments.bench.tasks import LEARN
from profiles.machines import limits
from rmixer.data.batches import Batches
from rmixer.data.prepare import open_dataset, prepare
from rmixer.files.typed_files import write_json
from rmixer.models.metrics import ranking
from rmixer.training.process import WorkerProcess
from rmixer.training.step import TrainingStep
from rmixer.training.worker import Channel
from rmixer.workload.workload import Job, job_of

GOAL_AUC = 0.7
HELD_OUT_SAMPLES = 10_000


@click.command()
@models_option
@click.option("--steps", type=click.IntRange(1), default=300, show_default=True)
@click.option("--batch-max", type=click.IntRange(1), default=512, show_default=True)
@memory_option
@out_option
def main(
    models: str | None, steps: int, batch_max: int, memory_gb: float, out: Path | None
) -> None:
    """Trains each model and measures."""
    rows: list[dict[str, Any]] = []
    found = {"fingerprint": fingerprint(), "models": rows}
    for entry in chosen_entries(models):
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
            learned = worker.call(LEARN, job=job)
        rows.append(
            {"model": entry.name, "batch": job.batch, "steps": steps, "rows_cap": job.rows_cap}
            | learned
        )
        click.echo(f"{entry.name}: {learned['after']}", err=True)
        if out:
            write_json(out, found)
    tell(present(rows), out, found)


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
    columns: Columns = {
        "model": "{0[model]}",
        "batch": "{0[batch]}",
        "steps": "{0[steps]}",
        "rows cap": lambda row: f"{row['rows_cap']:,}" if row["rows_cap"] else "",
        "loss before": "{0[before][loss]:.4f}",
        "after": "{0[after][loss]:.4f}",
        "quality after": _quality,
    }
    lines = [rows_as_text(rows, columns, 120, words="quality after")]
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


def _quality(row: dict[str, Any]) -> str:
    found = {name: value for name, value in row["after"].items() if name != "loss"}
    if "popularity" in row:
        found["by popularity"] = row["popularity"]["hit_rate_10"]
    return ", ".join(f"{name} {value:.3f}" for name, value in found.items())


if __name__ == "__main__":
    main()
