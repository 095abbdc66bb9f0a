"""Groups batch sizes of a model that are measured together.

The figures that are compared, and predicted from, are then of the same minutes. This matters more
than the precision of each, because a shared machine is faster in one minute than in the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from profiles.memory.memory_prediction import predict_memory
from profiles.profiler.feasible import IDLE_BYTES
from rmixer.errors import InputError
from rmixer.workload.workload import Job

Parts = tuple[tuple[Job, ...], ...]
"""Sizes of one model that are measured together, in parts whose sizes are held at once."""
MOST_TOGETHER = 8
SHARE = 0.8
"""The share of the free memory that they may fill."""


def sizes_together(jobs: Sequence[Job], workers: int, free_bytes: int) -> Iterator[Parts]:
    """``jobs`` in their order; consecutive ones that differ only in their batch are together, with
    ``workers`` each that have started, one of which holds the job while it is measured. A part has
    as many as ``free_bytes`` can hold."""
    for _, alike in groupby(jobs, key=lambda job: replace(job, batch=1).identity.key):
        sizes = tuple(alike)
        together, at_once = _at_most(sizes, workers * IDLE_BYTES, int(SHARE * free_bytes))
        for group in _split(sizes, together):
            yield tuple(_split(group, at_once))


def _split(sizes: tuple[Job, ...], at_most: int) -> Iterator[tuple[Job, ...]]:
    for first in range(0, len(sizes), at_most):
        yield sizes[first : first + at_most]


def _at_most(sizes: Sequence[Job], idle_bytes: int, free_bytes: int) -> tuple[int, int]:
    """The number that are together, each with ``idle_bytes`` of workers, and the number held at
    once."""
    largest = max(sizes, key=lambda job: job.batch)
    if len(sizes) == 1 or not largest.in_registry:
        return 1, 1
    try:
        held_bytes = predict_memory(largest).grown_bytes
    except InputError:  # not even its input fits: it will fail by itself
        return 1, 1
    together = min(MOST_TOGETHER, len(sizes), (free_bytes - held_bytes) // idle_bytes)
    at_once = (free_bytes - max(1, together) * idle_bytes) // held_bytes
    return max(1, together), max(1, at_once)
