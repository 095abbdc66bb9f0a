"""How many samples a data set has, as far as that is known before it is made."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from rmixer.data.preparation import read_preparation
from rmixer.data.prepare import prepared_folder
from rmixer.data.registry import SYNTHETIC, dataset_entry
from rmixer.data.synthetic_clicks import SyntheticClicks
from rmixer.workload.workload import Job

LEAST_SAMPLES = 10_000
"""That the training data of any other model's twin has."""


@dataclass(frozen=True)
class Samples:
    """For training, and held out."""

    train: int
    held_out: int


def known_samples(job: Job) -> Samples | None:
    """Those of the data of ``job``, a model of the registry, where these are made up to a published
    shape, few samples where one is large; None of all others, which have tens of thousands."""
    dataset = dataset_entry(job.entry.dataset).load()
    if job.data != SYNTHETIC or not isinstance(dataset, SyntheticClicks):
        return None
    held_out = dataset.samples // 8
    return Samples(dataset.samples - held_out, held_out)


def most_batch(job: Job) -> int | None:
    """The samples to train on of the data of ``job``, a model of the registry, where its batch may
    be larger: of data that are made, and of a twin that is not. None of others. Raises
    :class:`~rmixer.errors.InputError` for raw files that are missing or cannot be read."""
    folder = prepared_folder(job.entry.dataset, job.data)
    if known := known_samples(job):
        return known.train
    if folder.is_dir():
        return read_preparation(folder).train_rows
    if job.data == SYNTHETIC and job.batch > LEAST_SAMPLES:
        return _twin_samples(job.entry.dataset)
    return None


@cache
def _twin_samples(dataset: str) -> int:
    """As its making tells at its end."""
    chunks = dataset_entry(dataset).load().twin()
    while True:
        try:
            next(chunks)
        except StopIteration as end:
            return int(end.value)
