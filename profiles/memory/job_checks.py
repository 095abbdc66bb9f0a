"""Checks a job against its model and data. It needs no torch, which takes seconds to import."""

from __future__ import annotations

from profiles.memory.data_size import known_samples
from rmixer.errors import InputError
from rmixer.models.size import check_batch
from rmixer.workload.workload import Job


def check_samples(job: Job) -> None:
    """Raises :class:`InputError` if the batch of ``job``, a model of the registry, is too small for
    it or larger than its data, if that is known."""
    check_batch(job.entry, job.batch)
    samples = known_samples(job)
    if samples and job.batch > samples.train:
        allowed = f"at most the {samples.train} samples of {job.entry.dataset} to train on"
        raise InputError(f"job {job.id}", "batch", job.batch, allowed)


def check_predictable(job: Job) -> None:
    """Raises :class:`InputError` unless ``job`` is of a model of the registry, with a batch that it
    can be trained with."""
    if not job.in_registry:
        allowed = "a model of the registry: `rmixer profile run` measures other jobs"
        raise InputError("memory", "model", repr(job.model), allowed)
    check_batch(job.entry, job.batch)
