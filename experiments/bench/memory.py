"""Compares predicted memory of every model with measured, at three batch sizes.

``python -m experiments.bench.memory [--models a,b] [--batch 32] [--precision bf16] [--out FILE]``.
Tables are capped where they would not fit; every model and batch runs in fresh workers of one
thread, one on each core at a time, for its resident memory in three, of which the median counts.
With ``--measured`` what an earlier call measured is predicted anew, and nothing is run.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import click

from experiments.bench.findings import (
    as_text,
    batches_option,
    chosen_entries,
    fingerprint,
    fitting_cap,
    memory_option,
    models_option,
    out_option,
    tell,
)
from experiments.figures import save_all
from experiments.figures.memory import draw_memory
from experiments.tables.memory_table import MemoryRow, memory_table
from profiles.machines import limits
from profiles.memory.memory_measurement import (
    measure_context_bytes,
    measure_resident_bytes,
    measure_tensor_bytes,
)
from profiles.memory.memory_prediction import predict_memory
from rmixer.files.typed_files import write_json
from rmixer.workload.workload import PRECISIONS, Job, job_of

WORKERS = 3


@click.command()
@models_option
@batches_option(32, 128, 512)
@click.option("--precision", type=click.Choice(PRECISIONS), default="fp32", show_default=True)
@memory_option
@click.option(
    "--measured",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The JSON of an earlier call: predict its cases anew.",
)
@out_option
def main(
    models: str | None,
    batches: tuple[int, ...],
    precision: str,
    memory_gb: float,
    measured: Path | None,
    out: Path | None,
) -> None:
    """Predicts, runs, compares."""
    if measured:
        before = json.loads(measured.read_text(encoding="utf-8"))
        machine, rows = before["fingerprint"], [_predicted_anew(row) for row in before["memory"]]
    else:
        machine = fingerprint()
        rows = _run(_jobs(models, batches, precision, memory_gb), machine, out)
    tell(as_text(memory_table(rows), 100), out, _found(rows, machine))
    if out:
        save_all({out.stem: lambda: draw_memory(rows)}, out.parent)


def _predicted_anew(row: dict[str, Any]) -> MemoryRow:
    told = ("batch", "rows_cap", "optimizer", "precision")
    changed = {key: row[key] for key in told if key in row}
    job = replace(job_of(row["model"]), **changed)
    return MemoryRow(
        job,
        predict_memory(job),
        row["context_bytes"],
        row["measured_tensor_bytes"],
        tuple(row["workers_bytes"]),
    )


def _jobs(
    models: str | None, batches: tuple[int, ...], precision: str, memory_gb: float
) -> list[Job]:
    jobs = []
    for entry in chosen_entries(models):
        job = replace(job_of(entry.name), precision=precision)
        cap = fitting_cap(entry, memory_gb * 1e9)
        jobs += [replace(job, batch=batch, rows_cap=cap) for batch in batches]
    return jobs


def _run(jobs: Sequence[Job], machine: dict[str, Any], out: Path | None) -> list[MemoryRow]:
    """Runs the jobs. Each result is written at once: all of them take half an hour."""
    cores: SimpleQueue[int] = SimpleQueue()
    for core in limits.usable_cores():
        cores.put(core)
    context_bytes = measure_context_bytes(limits.usable_cores()[0], jobs[0].precision)

    def measured(job: Job) -> tuple[int, tuple[int, ...]]:
        core = cores.get()
        try:
            workers = tuple(measure_resident_bytes(job, core) for _ in range(WORKERS))
            return measure_tensor_bytes(job, core), workers
        finally:
            cores.put(core)

    rows: list[MemoryRow] = []
    with ThreadPoolExecutor(cores.qsize()) as pool:
        running = [pool.submit(measured, job) for job in jobs]
        for job, found in zip(jobs, running, strict=True):
            predicted = predict_memory(job)
            rows.append(MemoryRow(job, predicted, context_bytes, *found.result()))
            click.echo(f"{job.model} {job.batch}: {rows[-1].tensor_error:+.2%}", err=True)
            if out:
                write_json(out, _found(rows, machine))
    return rows


def _found(rows: list[MemoryRow], machine: dict[str, Any]) -> dict[str, Any]:
    return {"fingerprint": machine, "memory": [row.as_dict() for row in rows]}


if __name__ == "__main__":
    main()
