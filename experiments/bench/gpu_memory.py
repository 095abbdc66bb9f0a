"""Compares predicted memory on a GPU with recorded memory, without running anything.

``python -m experiments.bench.gpu_memory [--machine h100-16c] [--out FILE]``. Every profile of the
machine that was measured on its GPU is predicted anew, the context taken from the profile.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from experiments.bench.findings import as_text, out_option, tell
from experiments.tables.gpu_memory_table import GpuMemoryRow, recorded_table
from profiles.memory.gpu_memory_prediction import predict_gpu_memory
from profiles.memory.known_gpu import known_gpu
from profiles.stored.store import Store
from rmixer.errors import InputError
from rmixer.models.registry import MODELS
from rmixer.workload.workload import job_with


@click.command()
@click.option("--machine", default="h100-16c", show_default=True, help="A known machine.")
@out_option
def main(machine: str, out: Path | None) -> None:
    """Predicts, looks up, compares."""
    try:
        rows = recorded_rows(Store(), machine)
    except InputError as error:
        raise click.UsageError(str(error)) from None
    found = {"machine": machine, "memory": [row.as_dict() for row in rows]}
    tell(as_text(recorded_table(rows), 100), out, found)


def recorded_rows(store: Store, machine: str) -> list[GpuMemoryRow]:
    """A row for each profile of ``machine`` that was measured on its GPU, of a model of the
    registry. Raises :class:`InputError` if there is none."""
    gpu = known_gpu(store, machine)
    rows = []
    for profile in store.profiles(store.machine(machine).name):
        identity = profile.identity
        found = [memory for memory in profile.memory if memory.device == "gpu"]
        if not found or profile.origin != "measured" or identity.model not in MODELS:
            continue
        job = job_with(identity)
        rows.append(
            GpuMemoryRow(
                job,
                replace(gpu, context_bytes=found[0].context_bytes),
                predict_gpu_memory(job, gpu),
                found[0].peak_bytes,
            )
        )
    if not rows:
        allowed = "a machine with profiles that were measured on its GPU"
        raise InputError("--machine", "", repr(machine), allowed)
    return rows


if __name__ == "__main__":
    main()
