"""``rmixer profile memory``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from rmixer.cli.numbers import LARGEST_BATCH
from rmixer.errors import InputError

if TYPE_CHECKING:
    from rmixer.workload import Job


@click.command()
@click.argument("models", nargs=-1)
@click.option(
    "--batch",
    "batches",
    type=click.IntRange(min=1, max=LARGEST_BATCH),
    multiple=True,
    help="Instead of each model's own batch; several.",
)
@click.option("--rows-cap", type=click.IntRange(min=1), help="At most so many rows a table.")
@click.option("--device", type=click.Choice(["cpu", "gpu"]), default="cpu", show_default=True)
@click.option(
    "--machine",
    help="A known machine, or its folder, whose GPU is meant. Default: this one.",
)
@click.option("--measure", is_flag=True, help="Run a few steps of each on the CPU, and compare.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def memory(
    models: tuple[str, ...],
    batches: tuple[int, ...],
    rows_cap: int | None,
    device: str,
    machine: str | None,
    measure: bool,
    as_json: bool,
) -> None:
    """Predict the peak memory of MODELS (all of the registry by default) on the CPU or a GPU,
    without their data and without running them. The GPU need not be there."""
    from profiles.memory.memory_prediction import check_predictable
    from rmixer.models.registry import MODELS
    from rmixer.workload import job_of

    jobs = [replace(job_of(name), rows_cap=rows_cap) for name in dict.fromkeys(models or MODELS)]
    sizes = dict.fromkeys(batches)
    jobs = [replace(job, batch=batch) for job in jobs for batch in sizes or (job.batch,)]
    for job in jobs:
        check_predictable(job)
    if device == "cpu":
        if machine is not None:
            raise InputError("--machine", "", repr(machine), "only with --device gpu")
        _on_cpu(jobs, measure, as_json)
    elif measure:
        allowed = "--device cpu: `rmixer profile run` measures a GPU's memory"
        raise InputError("--measure", "", "--device gpu", allowed)
    else:
        _on_gpu(jobs, machine, as_json)


def _on_cpu(jobs: Sequence[Job], measure: bool, as_json: bool) -> None:
    from experiments.memory_table import MemoryRow, memory_table
    from experiments.quantities import size
    from profiles.machines import limits
    from profiles.memory.memory_measurement import (
        measure_context_bytes,
        measure_resident_bytes,
        measure_tensor_bytes,
    )
    from profiles.memory.memory_prediction import predict_memory
    from rmixer.cli.console import console, print_json, report

    core = limits.usable_cores()[0]
    rows = []
    context_bytes = measure_context_bytes(core)
    for job in jobs:
        report(f"{job.model}, batch {job.batch}")
        row = MemoryRow(job.model, job.batch, job.rows_cap, predict_memory(job), context_bytes)
        free_bytes = limits.free_memory_bytes()
        if measure and row.resident_bytes > free_bytes:
            needed, free = size(row.resident_bytes), size(free_bytes)
            report(
                f"{job.model}, batch {job.batch}, is not measured: {needed}, and {free} are free"
            )
        elif measure:
            row = replace(
                row,
                measured_tensor_bytes=measure_tensor_bytes(job, core),
                workers_bytes=(measure_resident_bytes(job, core),),
            )
        rows.append(row)
    usable_bytes = limits.usable_memory_bytes()
    if as_json:
        print_json([{**row.as_dict(), "usable_bytes": usable_bytes} for row in rows])
    else:
        console().print(memory_table(rows, usable_bytes))


def _on_gpu(jobs: Sequence[Job], machine: str | None, as_json: bool) -> None:
    from experiments.gpu_memory_table import GpuMemoryRow, gpu_memory_table
    from profiles.memory.gpu_memory_prediction import predict_gpu_memory
    from profiles.memory.known_gpu import known_gpu
    from profiles.store import Store
    from rmixer.cli.console import console, print_json, report

    gpu = known_gpu(Store(), machine)
    rows = []
    for job in jobs:
        report(f"{job.model}, batch {job.batch}")
        predicted = predict_gpu_memory(job, gpu)
        rows.append(GpuMemoryRow(job.model, job.batch, job.rows_cap, gpu, predicted))
    if as_json:
        print_json([row.as_dict() for row in rows])
    else:
        console().print(gpu_memory_table(rows))
