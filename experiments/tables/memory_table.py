"""Predicted and measured memory as a table."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.text import Text

from rmixer.display.quantities import percent, signed_percent, size
from rmixer.display.tables import NumberTable
from rmixer.workload.workload import Job

if TYPE_CHECKING:  # with torch
    from profiles.memory.memory_prediction import PredictedMemory

_SPLIT = ("parameters", "gradients", "optimizer", "activations", "input", "tensors", "worker")
_MEASURED = ("tensors", "measured", "error", "worker", "measured", "error")


@dataclass(frozen=True)
class MemoryRow:
    """One job on the CPU. ``context_bytes`` is a worker's without a job; ``measured_*`` are None if
    nothing was run. Tensors are compared with the allocator's events, the rest with the high-water
    mark of a new worker: the median of several, ``workers_bytes``, because freed memory is placed
    differently each time."""

    job: Job
    predicted: PredictedMemory
    context_bytes: int
    measured_tensor_bytes: int | None = None
    workers_bytes: tuple[int, ...] = ()

    @property
    def measured_resident_bytes(self) -> int | None:
        """The median of the workers."""
        return round(statistics.median(self.workers_bytes)) if self.workers_bytes else None

    @property
    def resident_bytes(self) -> int:
        """The predicted peak of a fresh worker."""
        return self.context_bytes + self.predicted.grown_bytes

    @property
    def tensor_error(self) -> float | None:
        """Predicted over measured tensors, - 1."""
        return _error(self.predicted.tensor_bytes, self.measured_tensor_bytes)

    @property
    def resident_error(self) -> float | None:
        """Predicted over measured resident memory, - 1."""
        return _error(self.resident_bytes, self.measured_resident_bytes)

    @property
    def any_worker_error(self) -> float | None:
        """The largest error of any one worker, in size."""
        errors = [self.resident_bytes / found - 1.0 for found in self.workers_bytes]
        return max(errors, key=abs, default=None)

    def as_dict(self) -> dict[str, Any]:
        """Its fields and derived figures."""
        derived = ("resident_bytes", "measured_resident_bytes", "tensor_error", "resident_error")
        found = with_job(self, derived)
        found["predicted"]["tensor_bytes"] = self.predicted.tensor_bytes
        return found


def job_facts(job: Job) -> tuple[tuple[str, Any], ...]:
    """The settings of ``job`` that decide its memory, each with its name."""
    names = ("model", "batch", "rows_cap", "optimizer", "precision")
    return tuple((name, getattr(job, name)) for name in names)


def with_job(row: Any, derived: Sequence[str]) -> dict[str, Any]:
    """The memory settings of ``row.job``, and the other fields and ``derived`` figures of ``row``,
    a dataclass."""
    figures = {name: value for name, value in asdict(row).items() if name != "job"}
    return {**dict(job_facts(row.job)), **figures, **{k: getattr(row, k) for k in derived}}


def job_name(job: Job) -> str:
    """The model of ``job``, with its optimizer and precision if they are not the model's default
    and fp32."""
    apart = [job.optimizer] if job.optimizer != job.entry.optimizer else []
    apart += [job.precision] if job.precision != "fp32" else []
    return f"{job.model} ({', '.join(apart)})" if apart else job.model


def _error(predicted: int, measured: int | None) -> float | None:
    return None if measured is None else predicted / measured - 1.0


def memory_table(rows: Sequence[MemoryRow], usable_bytes: int | None = None) -> Group:
    """A row for each of ``rows``, with errors, also in words, if something was measured. Workers
    that need more than ``usable_bytes``, if given, are named."""
    measured = any(row.measured_tensor_bytes is not None for row in rows)
    table = NumberTable(padding=0).words("model")  # all columns fit into 100 characters
    table.numbers("batch", *(_MEASURED if measured else _SPLIT))
    for row in rows:
        parts = _errors(row) if measured else _parts(row)
        table.add_row(job_name(row.job), str(row.job.batch), *parts)
    said = [summary(rows) if measured else f"worker: includes {_contexts(rows)} for an idle worker"]
    if usable_bytes is not None:
        said += too_large([(row.job, row.resident_bytes) for row in rows], usable_bytes)
    return Group(table, Text("\n".join(said)))


def _contexts(rows: Sequence[MemoryRow]) -> str:
    """A worker's memory without a job, in each precision."""
    found = {row.job.precision: size(row.context_bytes) for row in rows}
    if len(found) == 1:
        return next(iter(found.values()))
    return ", ".join(f"{own} ({precision})" for precision, own in found.items())


def too_large(needed: Sequence[tuple[Job, int | None]], usable_bytes: int) -> list[str]:
    """A line with the jobs and batches that need more bytes than are usable; none if all fit."""
    names = [
        f"{job_name(job)} at {job.batch} ({size(found)})"
        for job, found in needed
        if found is not None and found > usable_bytes
    ]
    return [f"more than the {size(usable_bytes)} there are: {', '.join(names)}"] if names else []


def _parts(row: MemoryRow) -> list[str]:
    found = row.predicted
    parts = (found.parameter_bytes, found.gradient_bytes, found.optimizer_bytes)
    rest = (found.activation_bytes, found.input_bytes, found.tensor_bytes, row.resident_bytes)
    return [size(part) for part in (*parts, *rest)]


def _errors(row: MemoryRow) -> list[str]:
    return [
        size(row.predicted.tensor_bytes),
        size(row.measured_tensor_bytes),
        signed_percent(row.tensor_error, 2),
        size(row.resident_bytes),
        size(row.measured_resident_bytes),
        signed_percent(row.resident_error),
    ]


def error_lines(rows: Sequence[Any], errors: Mapping[str, str]) -> list[str]:
    """Mean and largest size of each of ``errors``, attributes of the rows by what they are of."""
    lines = []
    for name, attribute in errors.items():
        sizes = [abs(found) for row in rows if (found := getattr(row, attribute)) is not None]
        if sizes:
            mean = f"{statistics.fmean(sizes):.2%}"
            lines.append(f"{name}: mean error {mean}, largest {percent(max(sizes))}")
    return lines


def summary(rows: Sequence[MemoryRow]) -> str:
    """Mean and largest size of both errors, and the largest of any one worker."""
    lines = error_lines(rows, {"tensors": "tensor_error", "worker": "resident_error"})
    if any(len(row.workers_bytes) > 1 for row in rows):
        largest = max(abs(row.any_worker_error or 0.0) for row in rows)
        lines[-1] += f" (each the median of several; of any one {percent(largest)})"
    return "\n".join(lines)
