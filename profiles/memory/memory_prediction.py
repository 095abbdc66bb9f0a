"""Predicts peak memory of a job's training without running it: the step's own code on fake tensors,
which have shapes and types but no values, with every storage's life followed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import _disable_current_modes

from profiles.measurements.phases import MEASURED_STEPS
from profiles.memory.data_size import check_predictable, known_samples
from profiles.memory.storage_watch import StorageWatch
from profiles.memory.watched_step import INPUT, OPTIMIZER, blank, peak_by_use, watch_training
from profiles.memory.worker_heap import WorkerHeap
from rmixer.data.arrays import Arrays, Column
from rmixer.data.batches import Batches
from rmixer.training.step import Substitute
from rmixer.workload.real_training import EVALUATION_BATCHES
from rmixer.workload.workload import Job

MAPPED_AROUND_BYTES = 1 << 16
"""Bytes that Linux maps of a cached file when one of its pages is first read."""


@dataclass(frozen=True)
class PredictedMemory:
    """The tensors of a job on the CPU at their peak, by use: ``parameter_bytes`` (buffers
    included), ``gradient_bytes``, ``optimizer_bytes``, ``activation_bytes`` (all that a step makes
    for itself, gathered rows included), ``input_bytes`` of batches. A worker grows in a long run by
    ``heap_bytes``: the same, and the free memory between them; ``data_bytes`` of prepared data are
    mapped and read by a run as short as a measured one."""

    parameter_bytes: int
    gradient_bytes: int
    optimizer_bytes: int
    activation_bytes: int
    input_bytes: int
    heap_bytes: int
    data_bytes: int

    @property
    def tensor_bytes(self) -> int:
        """The bytes of all tensors."""
        parts = (self.parameter_bytes, self.gradient_bytes, self.optimizer_bytes)
        return sum(parts) + self.activation_bytes + self.input_bytes

    @property
    def grown_bytes(self) -> int:
        """The growth of the resident memory of a worker that has trained something before."""
        return self.heap_bytes + self.data_bytes


def predict_memory(job: Job) -> PredictedMemory:
    """The memory of ``job``, a model of the registry, in training and evaluation; its data are not
    read. Raises :class:`InputError` for other jobs."""
    check_predictable(job)
    heap = WorkerHeap()
    fake, watch = FakeTensorMode(), StorageWatch(OPTIMIZER, heap)
    arrays, twin, places = blank(job)
    batches = _FakeBatches(arrays, job, twin.inputs, fake, watch)
    with fake, watch:
        watch_training(job, "cpu", Substitute(batches, places), watch, heap)
    names = (*twin.inputs, *twin.measured_inputs)
    read = _samples_read(job)
    return PredictedMemory(
        **peak_by_use(watch),
        heap_bytes=heap.peak_bytes,
        data_bytes=sum(_mapped_bytes(arrays.columns[name], read) for name in names),
    )


class _FakeBatches(Batches):
    """Batches without values, counted as input."""

    def __init__(
        self,
        arrays: Arrays,
        job: Job,
        names: Sequence[str],
        fake: FakeTensorMode,
        watch: StorageWatch,
    ) -> None:
        super().__init__(arrays, job.batch, job.seed, job.rows_cap, names)
        self._fake, self._watch = fake, watch

    def _slice(self, start: int, stop: int, also: Sequence[str] = ()) -> dict[str, Tensor]:
        with _disable_current_modes():  # else each would be counted, and its fake besides
            batch = super()._slice(start, stop, also)
        faked: dict[str, Tensor] = {}
        for name, values in batch.items():
            faked[name] = self._fake.from_tensor(values)
        self._watch.belong(faked, INPUT)
        return faked


def _samples_read(job: Job) -> int:
    """The samples read by the measured steps and the evaluation, limited by the data."""
    trained, evaluated = MEASURED_STEPS * job.batch, EVALUATION_BATCHES * job.batch
    if samples := known_samples(job):
        trained, evaluated = min(trained, samples.train), min(evaluated, samples.held_out)
    return trained + evaluated


def _mapped_bytes(column: Column, samples: int) -> int:
    """The bytes of one column that a run maps if it reads this many ``samples``, for training and
    held out, with the system's read-around for each of these two stretches."""
    each_bytes = np.dtype(column.stored).itemsize * max(1, column.width)
    return each_bytes * samples + 2 * MAPPED_AROUND_BYTES
