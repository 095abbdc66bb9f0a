"""Measures how fast a worker sorts many ids.

ATen sorts fewer than 32768 integers by merging, the slowest part of an optimizer's work on its
rows; more it sorts by their digits (``can_use_radix_sort`` in SortingKernel.cpp), several times as
fast and by several threads. Merging takes longer the less the ids are in order, from 8 to 50 ns an
id, so that its rate depends on the model; sorting by digits always takes about the same.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

from rmixer.training.worker import Channel

RADIX_LEAST = 32768
"""``at::internal::GRAIN_SIZE``: from this number on integers are sorted by their digits."""
IDS = 2 * RADIX_LEAST
_ROWS = 1 << 22
_SKEW = 4
_ROUNDS = 20
_FLUSHED_BYTES = 1 << 26


def radix_sort_ns(channel: Channel, counts: Sequence[int]) -> dict[int, float]:
    """A worker's task: nanoseconds an id to sort 65536 by their digits, by count of threads: the
    medians of twenty, of other ids each time, in turn.

    The ids are those of 4 million rows of which few are asked for often, as in recommenders. Like a
    step's they are in no cache: 64 MiB are written just before.
    """
    import torch  # not above: the rest of this file is for processes that need no torch

    numbers = torch.Generator().manual_seed(0)
    others = torch.zeros(_FLUSHED_BYTES // 4)
    found: dict[int, list[float]] = {k: [] for k in counts}
    for _ in range(_ROUNDS + 1):
        for k, times in found.items():
            torch.set_num_threads(k)
            ids = (_ROWS * torch.rand(IDS, generator=numbers) ** _SKEW).int()
            others.add_(1.0)
            start_s = time.perf_counter()
            torch.sort(ids, stable=True)
            times.append((time.perf_counter() - start_s) / IDS * 1e9)
    return {k: statistics.median(times[1:]) for k, times in found.items()}
