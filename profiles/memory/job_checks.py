"""What is wrong with a job as it was asked for. Finding it needs no torch, which takes seconds to
import."""

from __future__ import annotations

from profiles.memory.data_size import known_samples
from rmixer.errors import InputError
from rmixer.models.size import check_batch
from rmixer.workload.workload import Job


def check_samples(job: Job) -> None:
    """Raise :class:`InputError` where the batch of ``job``, a model of the registry, is too small
    for it or, as far as that is known, larger than its data."""
    check_batch(job.entry, job.batch)
    samples = known_samples(job)
    if samples and job.batch > samples.train:
        allowed = f"at most the {samples.train} samples of {job.entry.dataset} to train on"
        raise InputError(f"job {job.id}", "batch", job.batch, allowed)


def check_predictable(job: Job) -> None:
    """Raise :class:`InputError` unless ``job`` is of a model of the registry, with a batch that it
    can be trained with."""
    if not job.in_registry:
        allowed = "a model of the registry: `rmixer profile run` measures other jobs"
        raise InputError("memory", "model", repr(job.model), allowed)
    check_batch(job.entry, job.batch)
