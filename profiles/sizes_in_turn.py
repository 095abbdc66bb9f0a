"""Which batch sizes of a model are measured together, in turn.

What they are compared by, and predicted from, is then of the same minutes: this matters more than
how precise each is by itself, for a shared machine is faster in one minute than in the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from profiles.memory_prediction import predict_memory
from rmixer.cost_identity import cost_identity
from rmixer.errors import InputError
from rmixer.machine import Machine
from rmixer.workload import Job

MOST_IN_TURN = 8
IDLE_BYTES = 300 << 20
"""Of a worker without a job, at most."""
SHARE = 0.7
"""Of the machine's memory that they may fill."""


def sizes_in_turn(jobs: Sequence[Job], machine: Machine, workers: int) -> Iterator[tuple[Job, ...]]:
    """``jobs`` in their order; those that follow each other and differ in their batch alone
    together, as many as fit the memory of ``machine`` with ``workers`` a job, one of which holds
    it."""
    for _, alike in groupby(jobs, key=lambda job: cost_identity(replace(job, batch=1)).key):
        sizes = list(alike)
        at_most = _at_most(sizes, machine, workers)
        for first in range(0, len(sizes), at_most):
            yield tuple(sizes[first : first + at_most])


def _at_most(sizes: Sequence[Job], machine: Machine, workers: int) -> int:
    largest = max(sizes, key=lambda job: job.batch)
    if len(sizes) == 1 or not largest.in_registry:
        return 1
    try:
        each_bytes = predict_memory(largest).grown_bytes + workers * IDLE_BYTES
    except InputError:  # not even its input fits: it will fail by itself
        return 1
    return max(1, min(MOST_IN_TURN, int(SHARE * machine.memory_bytes) // each_bytes))
