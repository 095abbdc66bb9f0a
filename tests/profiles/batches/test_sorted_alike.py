"""Batches on both sides of 32768 ids, which torch sorts in two ways."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from profiles.batches.batch_prediction import predict_batch
from profiles.batches.sorted_alike import sorted_alike
from profiles.machines.sort_rates import RADIX_LEAST, radix_sort_ns
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.testing.made_up import make_machine, make_operator, make_profile, make_step

BARE = make_machine(cores=2)
MACHINE = replace(BARE, radix_sort_ns=(8.0, 4.0))
FIELDS = 16
MERGED_NS, DIGITS_NS = 40.0, {1: 10.0, 2: 5.0, 4: 2.5}


def sort_us(batch: int, threads: int) -> float:
    ids = FIELDS * batch
    return ids * (MERGED_NS if ids < RADIX_LEAST else DIGITS_NS[threads]) / 1e3


def step_us(batch: int, threads: int) -> float:
    """Steps of which all but the sort of 16 ids a sample is proportional to the batch."""
    return 10.0 * batch / threads + sort_us(batch, threads)


def measured(batch: int, phase: str = "optimizer", at: tuple[int, ...] = (1, 2)) -> ModelProfile:
    rows, steps = [], []
    for threads in at:
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


def test_where_no_size_sorts_as_the_wanted_one_does_the_machine_tells_what_it_can() -> None:
    """Digits take the same whatever the ids are; merging does not, and is left as it is."""
    beyond = predicted_us([256, 512, 1024], 4096)
    ids = FIELDS * 4096
    assert beyond[0] == pytest.approx(40_960 + ids * 8.0 / 1e3, rel=0.001)
    assert beyond[1] == pytest.approx(20_480 + ids * 4.0 / 1e3, rel=0.001)
    large = [measured(4096), measured(8192)]
    assert sorted_alike(large, 1024, MACHINE) == large


def test_a_machine_without_rates_changes_nothing() -> None:
    sizes = [measured(256), measured(512)]
    assert sorted_alike(sizes, 4096, BARE) == sizes
    few = replace(BARE, radix_sort_ns=(8.0,))
    changed = sorted_alike(sizes, 4096, few)[0]
    assert changed.steps[0].mean_us == pytest.approx(2560 + 4096 * 8.0 / 1e3)
    assert changed.steps[1] == sizes[0].steps[1]


def test_sizes_may_have_other_counts_of_threads_beside_those_that_all_have() -> None:
    sizes = [measured(256), measured(512), measured(1024), measured(4096, at=(1, 2, 4))]
    found = predict_batch(sizes, measured(2000).identity, BARE)
    assert [cost.threads for cost in found.steps] == [1, 2]
    for cost in found.steps:
        assert cost.mean_us == pytest.approx(step_us(2000, cost.threads), rel=0.01)
    few = [*sizes[:3], measured(4096, at=(1,))]
    (cost,) = predict_batch(few, measured(2000).identity, BARE).steps
    assert cost.mean_us == pytest.approx(step_us(2000, 1), rel=0.01)


def test_only_what_is_known_to_sort_ids_is_changed() -> None:
    """A model's own sort may be one of real numbers, which have no digits, or of many rows, and so
    may an optimizer's of someone's own; sizes that lack a sort are not compared by it."""
    own = [measured(size, phase="forward") for size in (256, 512)]
    assert sorted_alike(own, 4096, MACHINE) == own
    one, other = measured(256), measured(512)
    theirs = [replace(p, identity=replace(p.identity, model="mine.py:build")) for p in (one, other)]
    assert sorted_alike(theirs, 4096, MACHINE) == theirs
    rows = tuple(replace(row, shapes=row.shapes and "64x64") for row in one.operators)
    many = [replace(one, operators=rows), other]
    assert sorted_alike(many, 4096, MACHINE) == many
    fewer = replace(other, operators=other.operators[:-1])
    changed = sorted_alike([one, fewer], 4096, MACHINE)
    assert changed[0].steps[0] != one.steps[0]
    assert changed[0].steps[1] == one.steps[1]
    twice = replace(other, operators=(*other.operators, replace(other.operators[-1], index=2)))
    assert sorted_alike([one, twice], 4096, MACHINE)[0].steps[1] == one.steps[1]


def test_a_sort_of_as_many_ids_at_every_batch_stays_what_it_is() -> None:
    sizes = [measured(256), measured(512)]
    fixed = [
        replace(p, operators=tuple(replace(r, shapes=r.shapes and "40000") for r in p.operators))
        for p in sizes
    ]
    assert sorted_alike(fixed, 128, MACHINE) == fixed


def test_sorts_and_steps_of_no_time_stay_what_they_are() -> None:
    sizes = [measured(256), measured(512)]
    none = [
        replace(p, operators=tuple(replace(r, mean_us=0.0) for r in p.operators)) for p in sizes
    ]
    assert sorted_alike(none, 4096, MACHINE) == none
    short = [replace(p, steps=tuple(replace(c, mean_us=1.0) for c in p.steps)) for p in sizes]
    assert sorted_alike(short, 4096, MACHINE) == short


def test_sizes_on_one_side_are_left_as_they_are() -> None:
    sizes = [measured(256), measured(512)]
    assert sorted_alike(sizes, 1024, MACHINE) == sizes


def test_rates_are_of_every_count_of_threads() -> None:
    threads = torch.get_num_threads()
    channel: Any = None
    try:
        found = radix_sort_ns(channel, [1, 2])
    finally:
        torch.set_num_threads(threads)
    assert set(found) == {1, 2}
    assert all(0.0 < each < 1e6 for each in found.values())
