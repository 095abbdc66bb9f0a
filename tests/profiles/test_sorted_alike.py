"""Batches on both sides of 32768 ids, which torch sorts in two ways."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from profiles.batch_prediction import predict_batch
from profiles.sort_rates import RADIX_LEAST, sort_rates
from profiles.sorted_alike import sorted_alike
from rmixer.machine import Machine
from rmixer.profile import ModelProfile
from sim.made_up import make_machine, make_operator, make_profile, make_step

BARE = make_machine(cores=2)
MACHINE = replace(BARE, merge_sort_ns=(50.0, 50.0), radix_sort_ns=(8.0, 4.0))
FIELDS = 16
MERGED_NS, DIGITS_NS = 40.0, {1: 10.0, 2: 5.0}


def sort_us(batch: int, threads: int) -> float:
    ids = FIELDS * batch
    return ids * (MERGED_NS if ids < RADIX_LEAST else DIGITS_NS[threads]) / 1e3


def step_us(batch: int, threads: int) -> float:
    """Steps of which all but the sort of 16 ids a sample is proportional to the batch."""
    return 10.0 * batch / threads + sort_us(batch, threads)


def measured(batch: int, phase: str = "optimizer") -> ModelProfile:
    rows, steps = [], []
    for threads in (1, 2):
        rest = make_operator(10.0 * batch / threads, threads=threads)
        sort = make_operator(sort_us(batch, threads), threads=threads, phase=phase, index=1)
        rows += [rest, replace(sort, operator="aten::sort", shapes=str(FIELDS * batch))]
        steps.append(make_step(mean_us=step_us(batch, threads), threads=threads))
    return make_profile(steps=steps, operators=rows, batch=batch)


def predicted_us(sizes: list[int], wanted: int, machine: Machine = MACHINE) -> list[float]:
    made = [measured(size) for size in sizes]
    found = predict_batch(made, measured(wanted).identity, machine)
    for cost in found.steps:
        rows = [row.mean_us for row in found.operators if row.threads == cost.threads]
        assert sum(rows) == pytest.approx(cost.mean_us, rel=0.02)
    return [cost.mean_us for cost in found.steps]


@pytest.mark.parametrize(
    ("sizes", "wanted"),
    [
        ([256, 512, 1024, 4096], 2000),
        ([256, 512, 1024, 4096, 8192], 2000),
        ([1024, 4096, 8192], 2100),
        ([1024, 4096], 2100),
        ([1024, 4096], 8192),
    ],
)
def test_sizes_that_sort_as_the_wanted_one_does_tell(sizes: list[int], wanted: int) -> None:
    """Their own times do, and no machine's rates are asked for; by merging one size alone tells
    within the logarithm of the ids."""
    for threads, found in zip((1, 2), predicted_us(sizes, wanted, BARE), strict=True):
        assert found == pytest.approx(step_us(wanted, threads), rel=0.01)


def test_where_no_size_sorts_as_the_wanted_one_does_the_machine_tells() -> None:
    beyond = predicted_us([256, 512, 1024], 4096)
    ids = FIELDS * 4096
    assert beyond[0] == pytest.approx(40_960 + ids * 8.0 / 1e3, rel=0.001)
    assert beyond[1] == pytest.approx(20_480 + ids * 4.0 / 1e3, rel=0.001)
    below = predicted_us([4096, 8192], 1024)
    for found, rest_us in zip(below, (10_240, 5_120), strict=True):
        assert found == pytest.approx(rest_us + FIELDS * 1024 * 50.0 / 1e3, rel=0.02)


def test_a_machine_without_rates_changes_nothing() -> None:
    sizes = [measured(256), measured(512)]
    assert sorted_alike(sizes, 4096, BARE) == sizes
    few = replace(BARE, radix_sort_ns=(8.0,))
    changed = sorted_alike(sizes, 4096, few)[0]
    assert changed.steps[0].mean_us == pytest.approx(2560 + 4096 * 8.0 / 1e3)
    assert changed.steps[1] == sizes[0].steps[1]


def test_only_what_is_known_to_sort_ids_is_changed() -> None:
    """A model's own sort may be one of real numbers, which have no digits, or of many rows; and
    sizes that sort another number of times are not compared."""
    own = [measured(size, phase="forward") for size in (256, 512)]
    assert sorted_alike(own, 4096, MACHINE) == own
    one, other = measured(256), measured(512)
    rows = tuple(replace(row, shapes=row.shapes and "64x64") for row in one.operators)
    assert sorted_alike([replace(one, operators=rows), other], 4096, MACHINE)[1] == other
    fewer = replace(other, operators=other.operators[:-1])
    assert sorted_alike([one, fewer], 4096, MACHINE) == [one, fewer]


def test_sizes_on_one_side_are_left_as_they_are() -> None:
    sizes = [measured(256), measured(512)]
    assert sorted_alike(sizes, 1024, MACHINE) == sizes


def test_rates_are_of_every_count_of_threads() -> None:
    threads = torch.get_num_threads()
    channel: Any = None
    try:
        found = sort_rates(channel, [1, 2])
    finally:
        torch.set_num_threads(threads)
    assert set(found) == {1, 2}
    assert all(0.0 < each < 1e6 for rates in found.values() for each in rates)
