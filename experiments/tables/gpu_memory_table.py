"""Tables of predicted memory on a GPU, also compared with recorded memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group
from rich.text import Text

from experiments.tables.memory_table import error_lines, job_name, too_large, with_job
from profiles.memory.gpu_memory_prediction import PredictedGpuMemory
from profiles.memory.known_gpu import KnownGpu
from rmixer.display.quantities import signed_percent, size
from rmixer.display.tables import NumberTable
from rmixer.workload.workload import Job

_SPLIT = ("parameters", "optimizer", "step", "workspaces", "allocated", "reserved", "peak")
_RECORDED = ("reserved", "recorded", "error", "peak", "recorded", "error")


@dataclass(frozen=True)
class GpuMemoryRow:
    """One job on ``gpu``. ``recorded_peak_bytes``, its context included, is None without a recorded
    profile."""

    job: Job
    gpu: KnownGpu
    predicted: PredictedGpuMemory
    recorded_peak_bytes: int | None = None

    @property
    def peak_bytes(self) -> int | None:
        """The peak that the driver hands out; None if the context is unknown."""
        context_bytes = self.gpu.context_bytes
        return None if context_bytes is None else self.predicted.reserved_bytes + context_bytes

    @property
    def recorded_reserved_bytes(self) -> int | None:
        """The recorded peak without the context."""
        if self.recorded_peak_bytes is None or self.gpu.context_bytes is None:
            return None
        return self.recorded_peak_bytes - self.gpu.context_bytes

    @property
    def reserved_error(self) -> float | None:
        """Predicted over recorded without the context, - 1."""
        recorded = self.recorded_reserved_bytes
        return None if recorded is None else self.predicted.reserved_bytes / recorded - 1.0

    @property
    def peak_error(self) -> float | None:
        """Predicted over recorded peak, - 1."""
        if self.recorded_peak_bytes is None or self.peak_bytes is None:
            return None
        return self.peak_bytes / self.recorded_peak_bytes - 1.0

    def as_dict(self) -> dict[str, Any]:
        """Its fields and derived figures."""
        return with_job(self, ("peak_bytes", "reserved_error", "peak_error"))


def gpu_memory_table(rows: Sequence[GpuMemoryRow]) -> Group:
    """A row for each of ``rows``, of one GPU, and a note on the source of each figure. Memory of a
    step besides persistent memory is one column. Jobs that do not fit the GPU's memory are named.
    """
    table = _table(_SPLIT)
    for row in rows:
        found = row.predicted
        step_bytes = found.gradient_bytes + found.activation_bytes + found.input_bytes
        parts = (found.parameter_bytes, found.optimizer_bytes, step_bytes, found.workspace_bytes)
        totals = (found.allocated_bytes, found.reserved_bytes, row.peak_bytes)
        table.add_row(
            job_name(row.job), str(row.job.batch), *(size(part) for part in (*parts, *totals))
        )
    said = [sources(rows[0].gpu)]
    if (usable_bytes := rows[0].gpu.memory_bytes) is not None:
        needed = [(row.job, row.peak_bytes or row.predicted.reserved_bytes) for row in rows]
        said += too_large(needed, usable_bytes)
    return Group(table, Text("\n".join(said)))


def sources(gpu: KnownGpu) -> str:
    """A note on the figures on ``gpu`` that are predicted, measured and unknown."""
    lines = [
        "predicted: everything except the context, in blocks and segments of torch's allocator"
    ]
    of_name = (
        gpu.name or "other than Hopper and Blackwell (no GPU is known; choose one with --machine)"
    )
    lines.append(f"workspaces of the matrix library: as on {of_name}")
    if gpu.context_bytes is None:
        lines.append(
            "unknown: the driver's context, and so the peak (no profile was measured there)"
        )
    else:
        lines.append(f"peak: reserved + a context of {size(gpu.context_bytes)} as measured there")
    return "\n".join(
        [
            *lines,
            "not predicted: what kernels allocate for themselves, except sums, attention, sorting",
        ]
    )


def recorded_table(rows: Sequence[GpuMemoryRow]) -> Group:
    """Predicted and recorded memory, without and with the context, and the errors in words."""
    table = _table(_RECORDED)
    for row in rows:
        reserved = (row.predicted.reserved_bytes, row.recorded_reserved_bytes)
        peak = (row.peak_bytes, row.recorded_peak_bytes)
        table.add_row(
            job_name(row.job),
            str(row.job.batch),
            *(size(part) for part in reserved),
            signed_percent(row.reserved_error, 2),
            *(size(part) for part in peak),
            signed_percent(row.peak_error),
        )
    return Group(table, Text(summary(rows)))


def summary(rows: Sequence[GpuMemoryRow]) -> str:
    """Mean and largest size of both errors."""
    return "\n".join(error_lines(rows, {"reserved": "reserved_error", "peak": "peak_error"}))


def _table(columns: Sequence[str]) -> NumberTable:
    return NumberTable(padding=(0, 1, 0, 0)).words("model").numbers("batch", *columns)
