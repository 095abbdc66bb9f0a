"""Which batch sizes of a model are measured together, in turn.

What they are compared by, and predicted from, is then of the same minutes: this matters more than
how precise each is by itself, for a shared machine is faster in one minute than in the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from profiles.feasible import needed_bytes
from rmixer.cost_identity import cost_identity
from rmixer.errors import InputError
from rmixer.workload import Job

MOST_IN_TURN = 8
SHARE = 0.8
"""Of the free memory that they may fill."""


def sizes_in_turn(jobs: Sequence[Job], workers: int, free_bytes: int) -> Iterator[tuple[Job, ...]]:
    """``jobs`` in their order; those that follow each other and differ in their batch alone
    together, as many as fit ``free_bytes`` with ``workers`` a job, one of which holds it."""
    for _, alike in groupby(jobs, key=lambda job: cost_identity(replace(job, batch=1)).key):
        sizes = list(alike)
        at_most = _at_most(sizes, workers, free_bytes)
        for first in range(0, len(sizes), at_most):
            yield tuple(sizes[first : first + at_most])


def _at_most(sizes: Sequence[Job], workers: int, free_bytes: int) -> int:
    largest = max(sizes, key=lambda job: job.batch)
    if len(sizes) == 1 or not largest.in_registry:
        return 1
    try:
        each_bytes = needed_bytes(largest, workers)
    except InputError:  # not even its input fits: it will fail by itself
        return 1
    return max(1, min(MOST_IN_TURN, int(SHARE * free_bytes) // each_bytes))
