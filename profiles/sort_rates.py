"""How fast a worker sorts ids, in each of the two ways that torch has.

ATen sorts fewer than 32768 integers by merging, which takes longest of all that an optimizer does
to its rows, and more than that by their digits (``can_use_radix_sort`` in SortingKernel.cpp), three
to five times as fast and by several threads. Batches on one side tell nothing of the other.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

import torch

from rmixer.training.worker import Channel

RADIX_LEAST = 32768
"""``at::internal::GRAIN_SIZE``: so many integers, or more, are sorted by their digits."""
MERGED, BY_DIGITS = RADIX_LEAST // 2, 2 * RADIX_LEAST
_ROWS = 1 << 22
_SKEW = 4
_ROUNDS = 20


def sort_rates(channel: Channel, counts: Sequence[int]) -> dict[int, tuple[float, float]]:
    """A worker's task: nanoseconds an id to merge half of 32768 ids, and to sort twice as many by
    their digits, by count of threads: medians of twenty, of other ids each time, in turn.

    The ids are those of 4 million rows of which few are asked for often, as recommenders ask."""
    numbers = torch.Generator().manual_seed(0)
    found: dict[int, dict[int, list[float]]] = {k: {MERGED: [], BY_DIGITS: []} for k in counts}
    for _ in range(_ROUNDS + 1):
        for k in counts:
            torch.set_num_threads(k)
            for count, times in found[k].items():
                ids = (_ROWS * torch.rand(count, generator=numbers) ** _SKEW).int()
                start_s = time.perf_counter()
                torch.sort(ids, stable=True)
                times.append((time.perf_counter() - start_s) / count * 1e9)
    return {
        k: (statistics.median(times[MERGED][1:]), statistics.median(times[BY_DIGITS][1:]))
        for k, times in found.items()
    }
