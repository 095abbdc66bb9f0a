"""The number of samples of a data set, as far as it is known before the data are prepared, and
checks of a job against it. It needs no torch, which takes seconds to import."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from rmixer.data.preparation import read_preparation
from rmixer.data.prepare import prepared_folder
from rmixer.data.registry import SYNTHETIC, dataset_entry
from rmixer.data.synthetic_clicks import SyntheticClicks
from rmixer.errors import InputError
from rmixer.models.size import check_batch
from rmixer.workload.workload import Job

LEAST_SAMPLES = 10_000
"""The training data of any other model's twin have at least this many."""


@dataclass(frozen=True)
class Samples:
    """The numbers of samples for training, and held out."""

    train: int
    held_out: int


def known_samples(job: Job) -> Samples | None:
    """The samples of the data of ``job``, a model of the registry, if these are synthetic data of a
    published shape, which are few if a sample is large; None for all others, which have tens of
    thousands."""
    dataset = dataset_entry(job.entry.dataset).load()
    if job.data != SYNTHETIC or not isinstance(dataset, SyntheticClicks):
        return None
    held_out = dataset.samples // 8
    return Samples(dataset.samples - held_out, held_out)


def most_batch(job: Job) -> int | None:
    """The training samples of the data of ``job``, a model of the registry, if its batch may be
    larger: of prepared data, and of a twin that is not prepared. None for others. Raises
    :class:`~rmixer.errors.InputError` for raw files that are missing or cannot be read."""
    folder = prepared_folder(job.entry.dataset, job.data)
    if known := known_samples(job):
        return known.train
    if folder.is_dir():
        return read_preparation(folder).train_rows
    if job.data == SYNTHETIC and job.batch > LEAST_SAMPLES:
        return _twin_samples(job.entry.dataset)
    return None


def check_samples(job: Job) -> None:
    """Raises :class:`InputError` if the batch of ``job``, a model of the registry, is too small for
    the model, or larger than its data (if their size is known)."""
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


@cache
def _twin_samples(dataset: str) -> int:
    """The number of training samples, which is returned at the end of making the twin."""
    chunks = dataset_entry(dataset).load().twin()
    while True:
        try:
            next(chunks)
        except StopIteration as end:
            return int(end.value)
