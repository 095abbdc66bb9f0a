"""The bench of the search: every schedule of a small queue is tried once, and the table says it."""

from __future__ import annotations

from math import comb, factorial

import pytest

from experiments.bench.search import Queue, present
from experiments.bench.search_large import LargeCase
from experiments.bench.search_small import SmallCase, every_order


@pytest.mark.parametrize(("jobs", "slots"), [(1, 1), (3, 1), (3, 2), (4, 3)])
def test_every_schedule_once(jobs: int, slots: int) -> None:
    """n! orders, each cut in as many ways as n jobs and s - 1 walls can stand in a row."""
    queues = set()
    for order in every_order(jobs, slots):
        assert sorted(order.jobs) == list(range(jobs))
        on: list[list[int]] = [[] for _ in range(slots)]
        for job, slot in zip(order.jobs, order.slots, strict=True):
            on[slot].append(job)
        queues.add(tuple(map(tuple, on)))
    assert len(queues) == factorial(jobs) * comb(jobs + slots - 1, slots - 1)
    assert sum(1 for _ in every_order(jobs, slots)) == len(queues)


def test_the_text_by_hand() -> None:
    queue = Queue(
        workload="few",
        rmixer="dyType, GPU 8 × 1",
        rmixer_s=120.0,
        rmixer_on_gpu_s=150.0,
        lpt_s=110.0,
        policy="lpt, GPU 8 × 1",
        policy_s=110.0,
        found_s={"15": 102.0, "60": 100.0},
        evaluations={"15": 10, "60": 40},
        cut="gpu:0 8 × 1",
        bound_s=80.0,
        held_by="host cores",
    )
    small = [SmallCase(4, 2, 10.0, found_s, 8.0) for found_s in (10.0, 10.2)]
    large = LargeCase(1000, 785.0, "GPU 8 × 1", 664.0, 120.0, 500, 241.0, "host cores")
    text = present([queue], small, [large])
    for words in (
        "geometric mean: 1.200; on slots of the GPU alone: 1.500",
        "the most that any schedule can reach: 1.500",
        "lpt ÷ found: 1.100",
        "15 s find 80% of what 60 s gain over the best policy",
        "1.00% longer in the mean, 2.00% at worst; the best is 25.0% above the bound",
        "longest first 785.0 s (GPU 8 × 1), found in 120 s 664.0 s, +18.2% as fast",
    ):
        assert words in text
