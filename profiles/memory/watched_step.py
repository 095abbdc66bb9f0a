"""A step whose tensors have no values, built and run while its storages are watched."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from profiles.machines.limits import usable_memory_bytes
from profiles.memory.data_size import known_samples
from profiles.memory.storage_watch import StorageWatch
from profiles.memory.worker_heap import WorkerHeap
from rmixer.data.arrays import Arrays, shape_of
from rmixer.data.batches import Batches
from rmixer.data.registry import dataset_entry
from rmixer.errors import InputError
from rmixer.models.base import RecommendationModel
from rmixer.training.step import Substitute, TrainingStep
from rmixer.workload.workload import Job

INPUT_SHARE = 0.25
"""Share of the memory: a batch is held up to three times. Beyond it the system would end this
process, or another."""
STEPS = 3
"""The optimizer's state appears in the first, and the second one's activations together with it;
the third is like all that follow."""
EVALUATED = 3
"""Batches: the second exists together with the remains of the first, and the third is like the
rest."""
PARAMETERS, GRADIENTS, OPTIMIZER = "parameters", "gradients", "optimizer"
ACTIVATIONS, INPUT = "activations", "input"
_PARTS = {
    "parameter_bytes": PARAMETERS,
    "gradient_bytes": GRADIENTS,
    "optimizer_bytes": OPTIMIZER,
    "activation_bytes": ACTIVATIONS,
    "input_bytes": INPUT,
}


def blank(job: Job) -> tuple[Arrays, RecommendationModel, Mapping[str, Sequence[int]]]:
    """Arrays of the data set's shapes; ``job``'s model, with tables so small that it is real; and
    the places of a batch in its tables, which do not depend on their rows. Raises
    :class:`InputError` for a batch whose input alone exceeds this machine's memory."""
    arrays = _blank_arrays(job)
    twin = job.entry.build(rows_cap=1)
    if _input_bytes(arrays, twin.inputs) > INPUT_SHARE * usable_memory_bytes():
        allowed = "a batch whose input fits a quarter of this machine's memory"
        raise InputError("memory", "batch", job.batch, allowed)
    batch = Batches(arrays, job.batch, 0, 1, twin.inputs).blank()
    return arrays, twin, twin.field_places(batch)


def _input_bytes(arrays: Arrays, names: Sequence[str]) -> int:
    """The bytes of a batch of ``arrays``, which have two."""
    columns = [arrays.columns[name] for name in names]
    return sum(
        np.dtype(c.loaded).itemsize * math.prod(shape_of(c, arrays.train_rows)) for c in columns
    )


def blank_substitute(job: Job) -> Substitute:
    """The substitute for the data of ``job``, a model of the registry, from which its step is
    built: a batch of its shapes, all of it 0."""
    arrays, twin, places = blank(job)
    return Substitute(Batches(arrays, job.batch, 0, job.rows_cap, twin.inputs), places)


def _blank_arrays(job: Job) -> Arrays:
    """A batch to train on and :data:`EVALUATED` held out, at most as many as that part of the data
    has, of the data set's shapes; all values are one zero."""
    columns = dataset_entry(job.entry.dataset).load().columns
    samples, held_out = known_samples(job), EVALUATED * job.batch
    rows = job.batch + (min(held_out, samples.held_out) if samples else held_out)
    values = {
        name: np.broadcast_to(np.zeros((), column.stored), shape_of(column, rows))
        for name, column in columns.items()
    }
    return Arrays(columns, values, train_rows=job.batch)


def watch_training(
    job: Job,
    device: str,
    substitute: Substitute,
    watch: StorageWatch,
    heap: WorkerHeap | None = None,
) -> None:
    """Builds the step of ``job`` on ``device``, runs :data:`STEPS` and evaluates, and tells the
    active ``watch`` the use of each tensor. ``heap``, where the tensors are placed, repeats steps
    in between."""
    step = TrainingStep(job, device, substitute)
    watch.belong(step.tensors_by_use()["parameter"], PARAMETERS)
    for _ in range(STEPS):
        if heap:
            heap.step_begins()
        _run(step, watch)
    if heap:
        heap.go_on()
    _evaluate(step)


def peak_by_use(watch: StorageWatch) -> dict[str, int]:
    """Bytes of each use at the common peak, by the names of a prediction."""
    return {name: watch.peak.get(use, 0) for name, use in _PARTS.items()}


def _run(step: TrainingStep, watch: StorageWatch) -> None:
    """Runs one step; tensors that live on get their use as soon as they exist."""
    watch.use = INPUT
    step.load()
    step.copy()
    watch.use = ACTIVATIONS
    loss = step.forward()

    def accumulated(leaf: Tensor) -> None:
        watch.belong(leaf.grad, GRADIENTS)

    hooks = [leaf.register_post_accumulate_grad_hook(accumulated) for leaf in step.leaves()]
    step.backward(loss)
    for hook in hooks:
        hook.remove()
    del loss
    step.optimize()
    watch.belong(step.tensors_by_use()["optimizer"], OPTIMIZER)


@torch.no_grad()
def _evaluate(step: TrainingStep) -> None:
    """Repeats the work of :meth:`TrainingStep.evaluate` with its first batches."""
    step.model.eval()
    found: list[Tensor] = []
    for loaded in step.batches.held_out(EVALUATED, step.model.measured_inputs):
        batch = {name: values.to(step.device) for name, values in loaded.items()}
        measured = step.model.measure(batch, step.model.gather(batch)[1])
        if step.device.type == "cpu":  # of another device copies are kept, on the host
            found.extend(measured.values())
