"""Peak memory of a job's training without running it: the step's own code on fake tensors, which
have shapes and types but no values, and every storage's life followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from profiles.storage_watch import StorageWatch
from rmixer.data.arrays import Arrays, Column, shape_of
from rmixer.data.batches import Batches
from rmixer.data.registry import dataset_entry
from rmixer.errors import InputError
from rmixer.models.base import RecommendationModel
from rmixer.training.step import Substitute, TrainingStep
from rmixer.training.train_job import EVALUATION_BATCHES, WARMUP_STEPS
from rmixer.workload import Job

STEPS = 3
"""The optimizer's state appears in the first, and the last one's activations beside it."""
MAPPED_AROUND_BYTES = 1 << 16
"""What Linux maps of a file, where it has it, when one of its pages is first read."""
_PARAMETERS, _GRADIENTS, _OPTIMIZER = "parameters", "gradients", "optimizer"
_ACTIVATIONS, _INPUT = "activations", "input"


@dataclass(frozen=True)
class PredictedMemory:
    """The tensors of a job on the CPU when they are the most, by use: ``parameter_bytes`` (buffers
    included), ``gradient_bytes``, ``optimizer_bytes``, ``activation_bytes`` (all that a step makes
    for itself, gathered rows included), ``input_bytes`` of batches. A worker grows by
    ``heap_bytes``: the same, and what lies free between them; ``data_bytes`` of prepared data are
    mapped and read by a short run."""

    parameter_bytes: int
    gradient_bytes: int
    optimizer_bytes: int
    activation_bytes: int
    input_bytes: int
    heap_bytes: int
    data_bytes: int

    @property
    def tensor_bytes(self) -> int:
        """All tensors."""
        parts = (self.parameter_bytes, self.gradient_bytes, self.optimizer_bytes)
        return sum(parts) + self.activation_bytes + self.input_bytes

    @property
    def grown_bytes(self) -> int:
        """By how much the resident memory of a worker grows that has trained something before."""
        return self.heap_bytes + self.data_bytes


def predict_memory(job: Job) -> PredictedMemory:
    """The memory of ``job``, a model of the registry, in training and evaluation; its data is not
    looked at. Raises :class:`InputError` for other jobs."""
    if not job.in_registry:
        allowed = "a model of the registry: `rmixer profile run` measures other jobs"
        raise InputError("memory", "model", repr(job.model), allowed)
    fake, watch = FakeTensorMode(), StorageWatch(_OPTIMIZER)
    arrays, twin, places = _blank(job)
    batches = _FakeBatches(arrays, job, twin.inputs, fake, watch)
    with fake, watch:
        step = TrainingStep(job, substitute=Substitute(batches, places))
        watch.belong(step.tensors_by_use()["parameter"], _PARAMETERS)
        for _ in range(STEPS):
            _run(step, watch)
        _evaluate(step, watch)
    names = (*twin.inputs, *twin.measured_inputs)
    return PredictedMemory(
        parameter_bytes=watch.peak.get(_PARAMETERS, 0),
        gradient_bytes=watch.peak.get(_GRADIENTS, 0),
        optimizer_bytes=watch.peak.get(_OPTIMIZER, 0),
        activation_bytes=watch.peak.get(_ACTIVATIONS, 0),
        input_bytes=watch.peak.get(_INPUT, 0),
        heap_bytes=watch.heap.peak_bytes,
        data_bytes=sum(_mapped_bytes(arrays.columns[name], job.batch) for name in names),
    )


def blank_substitute(job: Job) -> Substitute:
    """What the step of ``job``, a model of the registry, is built from without its data: a batch of
    its shapes, all of it 0."""
    arrays, twin, places = _blank(job)
    return Substitute(Batches(arrays, job.batch, 0, job.rows_cap, twin.inputs), places)


def _blank(job: Job) -> tuple[Arrays, RecommendationModel, Mapping[str, Sequence[int]]]:
    """Arrays of the data set's shapes; ``job``'s model, so small that it is real; and the places
    of a batch in its tables, which do not depend on the rows there are."""
    arrays = _blank_arrays(job)
    twin = job.entry.build(rows_cap=1)
    places = twin.field_places(Batches(arrays, job.batch, 0, 1, twin.inputs).blank())
    return arrays, twin, places


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
        batch = super()._slice(start, stop, also)
        faked: dict[str, Tensor] = {}
        for name, values in batch.items():
            faked[name] = self._fake.from_tensor(values)
        self._watch.belong(faked, _INPUT)
        return faked


def _blank_arrays(job: Job) -> Arrays:
    """A batch to train on and one held out, of the data set's shapes; all values are one zero."""
    columns = dataset_entry(job.entry.dataset).load().columns
    values = {
        name: np.broadcast_to(np.zeros((), column.stored), shape_of(column, 2 * job.batch))
        for name, column in columns.items()
    }
    return Arrays(columns, values, train_rows=job.batch)


def _mapped_bytes(column: Column, batch: int) -> int:
    """Of one column what a short run maps: the samples of the first steps and of the evaluation,
    and with each of these two stretches what the system maps around it."""
    each_bytes = np.dtype(column.stored).itemsize * max(1, column.width)
    return each_bytes * batch * (WARMUP_STEPS + EVALUATION_BATCHES) + 2 * MAPPED_AROUND_BYTES


def _run(step: TrainingStep, watch: StorageWatch) -> None:
    """One step; what lives on is told apart as soon as it is there."""
    watch.use = _ACTIVATIONS
    step.load()
    step.copy()
    loss = step.forward()

    def accumulated(leaf: Tensor) -> None:
        watch.belong(leaf.grad, _GRADIENTS)

    hooks = [leaf.register_post_accumulate_grad_hook(accumulated) for leaf in step.leaves()]
    step.backward(loss)
    for hook in hooks:
        hook.remove()
    del loss
    step.optimize()
    watch.belong(step.tensors_by_use()["optimizer"], _OPTIMIZER)


@torch.no_grad()
def _evaluate(step: TrainingStep, watch: StorageWatch) -> None:
    """What :meth:`TrainingStep.evaluate` does with one batch."""
    step.model.eval()
    for batch in step.batches.held_out(1, step.model.measured_inputs):
        step.model.measure(batch, step.model.gather(batch)[1])
