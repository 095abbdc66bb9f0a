"""``rmixer profile memory``."""

from __future__ import annotations

from dataclasses import replace

import click


@click.command()
@click.argument("models", nargs=-1)
@click.option(
    "--batch",
    "batches",
    type=click.IntRange(min=1),
    multiple=True,
    help="Instead of each model's own batch; several.",
)
@click.option("--rows-cap", type=click.IntRange(min=1), help="At most so many rows a table.")
@click.option("--measure", is_flag=True, help="Run a few steps of each as well, and compare.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def memory(
    models: tuple[str, ...],
    batches: tuple[int, ...],
    rows_cap: int | None,
    measure: bool,
    as_json: bool,
) -> None:
    """Predict the peak memory of MODELS (all of the registry by default) on the CPU, without
    their data and without running them."""
    from experiments.memory_table import MemoryRow, memory_table
    from profiles import limits
    from profiles.memory_measurement import (
        measure_context_bytes,
        measure_resident_bytes,
        measure_tensor_bytes,
    )
    from profiles.memory_prediction import predict_memory
    from rmixer.cli.console import console, print_json, report
    from rmixer.models.registry import MODELS
    from rmixer.workload import job_of

    core = limits.usable_cores()[0]
    jobs = [replace(job_of(name), rows_cap=rows_cap) for name in models or MODELS]
    jobs = [replace(job, batch=batch) for job in jobs for batch in batches or (job.batch,)]
    rows = []
    context_bytes = measure_context_bytes(core)
    for job in jobs:
        report(f"{job.model}, batch {job.batch}")
        row = MemoryRow(job.model, job.batch, rows_cap, predict_memory(job), context_bytes)
        if measure:
            row = replace(
                row,
                measured_tensor_bytes=measure_tensor_bytes(job, core),
                measured_resident_bytes=measure_resident_bytes(job, core),
            )
        rows.append(row)
    if as_json:
        print_json([row.as_dict() for row in rows])
    else:
        console().print(memory_table(rows))
