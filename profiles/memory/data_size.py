"""How many samples a data set has, as far as that is known before it is made."""

from __future__ import annotations

from dataclasses import dataclass

from rmixer.data.registry import dataset_entry
from rmixer.data.synthetic_clicks import SyntheticClicks
from rmixer.workload import SYNTHETIC, Job


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
