"""``rmixer profile memory``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rmixer.cli.bundled import WorkloadPath
from rmixer.cli.numbers import LARGEST_BATCH
from rmixer.errors import InputError

if TYPE_CHECKING:
    from rmixer.workload.workload import Job


@click.command()
@click.argument("models", nargs=-1)
@click.option(
    "--workload",
    type=WorkloadPath(),
    help="Predict the jobs of this workload, instead of MODELS.",
)
@click.option(
    "--batch",
    "batches",
    type=click.IntRange(min=1, max=LARGEST_BATCH),
    multiple=True,
    help="Instead of each model's own batch. May be given several times.",
)
@click.option("--rows-cap", type=click.IntRange(min=1), help="Limit the rows of each table.")
@click.option("--device", type=click.Choice(["cpu", "gpu"]), default="cpu", show_default=True)
@click.option(
    "--machine",
    help="The machine with the GPU: its name or folder. Default: this one.",
)
@click.option("--measure", is_flag=True, help="Run a few steps of each on the CPU, and compare.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def memory(
    models: tuple[str, ...],
    workload: Path | None,
    batches: tuple[int, ...],
    rows_cap: int | None,
    device: str,
    machine: str | None,
    measure: bool,
    as_json: bool,
) -> None:
    """Predict the peak memory of MODELS (default: all), or of the jobs of a workload, on the CPU or
    a GPU. Nothing is trained, no data is read, and no GPU is needed."""
    from experiments.tables.memory_table import job_facts
    from profiles.memory.data_size import check_predictable
    from rmixer.models.registry import MODELS
    from rmixer.workload.workload import job_of

    if models and workload:
        raise InputError("rmixer profile memory", "", "MODELS and --workload", "one of the two")
    jobs = _of_workload(workload, device) if workload else [job_of(m) for m in models or MODELS]
    sizes = dict.fromkeys(batches)
    if rows_cap is not None:
        jobs = [replace(job, rows_cap=min(rows_cap, job.rows_cap or rows_cap)) for job in jobs]
    jobs = [replace(job, batch=batch) for job in jobs for batch in sizes or (job.batch,)]
    jobs = list({job_facts(job): job for job in jobs}.values())
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


def _of_workload(path: Path, device: str) -> Sequence[Job]:
    """The jobs whose memory can be predicted; for the others the reason is printed."""
    from rmixer.cli.console import report
    from rmixer.workload.workload_file import read_workload

    jobs = []
    for job in read_workload(path).jobs:
        if job.profile:
            report(f"{job.id} is left out: its memory can only come from its imported profile")
        elif not job.in_registry:
            report(f"{job.id} is left out: its memory is measured, by `rmixer profile run`")
        elif device == "gpu" and job.precision != "fp32":
            report(f"{job.id} is left out: on a GPU {job.precision} is not predicted")
        else:
            jobs.append(job)
    if not jobs:
        allowed = "models of the registry, on a GPU in fp32"
        raise InputError(path, "jobs", "none that can be predicted", allowed)
    return jobs


def _on_cpu(jobs: Sequence[Job], measure: bool, as_json: bool) -> None:
    from experiments.tables.memory_table import MemoryRow, job_name, memory_table
    from profiles.machines import limits
    from profiles.memory.memory_measurement import (
        measure_context_bytes,
        measure_resident_bytes,
        measure_tensor_bytes,
    )
    from profiles.memory.memory_prediction import predict_memory
    from profiles.profiler.door import check_data, check_machine_can
    from rmixer.cli.console import console, print_json, report
    from rmixer.display.quantities import size

    core = limits.usable_cores()[0]
    rows = []
    check_machine_can(jobs)
    if measure:
        check_data(jobs)
    own_bytes = {kind: measure_context_bytes(core, kind) for kind in {j.precision for j in jobs}}
    for job in jobs:
        report(f"{job_name(job)}, batch {job.batch}")
        row = MemoryRow(job, predict_memory(job), own_bytes[job.precision])
        free_bytes = limits.free_memory_bytes()
        if measure and row.resident_bytes > free_bytes:
            needed, free = size(row.resident_bytes), size(free_bytes)
            name = f"{job_name(job)}, batch {job.batch}"
            report(f"{name}, is not measured: {needed}, and {free} are free")
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
    from experiments.tables.gpu_memory_table import GpuMemoryRow, gpu_memory_table
    from experiments.tables.memory_table import job_name
    from profiles.memory.gpu_memory_prediction import predict_gpu_memory
    from profiles.memory.known_gpu import known_gpu
    from profiles.stored.store import Store
    from rmixer.cli.console import console, print_json, report

    gpu = known_gpu(Store(), machine)
    rows = []
    for job in jobs:
        report(f"{job_name(job)}, batch {job.batch}")
        rows.append(GpuMemoryRow(job, gpu, predict_gpu_memory(job, gpu)))
    if as_json:
        print_json([row.as_dict() for row in rows])
    else:
        console().print(gpu_memory_table(rows))
