"""Step times that know no contention, and recorded ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rmixer.errors import InputError
from rmixer.scheduling.step_times import Member, Mix
from rmixer.testing.made_up import by_key, make_operator, make_profile, make_step
from sim import Recorded, SumOfOperators, Uncontended

OPERATORS = [
    make_operator(300, gap_before_us=100),
    make_operator(500),
    make_operator(250, threads=2),
    make_operator(50, lane="gpu", host_us=20),
]
PROFILE = make_profile(
    steps=[make_step(mean_us=1000, stall_us=10, save_s=3.0), make_step("gpu", mean_us=70)],
    operators=OPERATORS,
)
TRAIN = Member(PROFILE.key, "train", "cpu:0", (0,))
SAVE = Member(PROFILE.key, "save", "cpu:0", (1,))
ON_GPU = Member(PROFILE.key, "train", "node-2/gpu:1", (1,))


def test_uncontended_is_the_step_alone_with_its_stalls():
    assert Uncontended(by_key(PROFILE)).unit_s(Mix((SAVE, TRAIN))) == pytest.approx((3.0, 0.00101))


def test_sum_of_operators_leaves_gaps_and_scale_out():
    summed = SumOfOperators(by_key(PROFILE)).unit_s(Mix((TRAIN, SAVE, ON_GPU)))
    assert summed == pytest.approx((800e-6, 3.0, 50e-6))


def test_sum_of_no_operators_is_refused():
    bare = make_profile(steps=[make_step()])
    with pytest.raises(InputError, match="at least one"):
        SumOfOperators(by_key(bare)).unit_s(Mix((Member(bare.key, "train", "cpu:0", (0,)),)))


def test_recorded_times_are_found_on_other_cores_and_in_another_order():
    recorded = Recorded({Mix((TRAIN, SAVE)): (0.002, 4.0)})
    turned = Mix((replace(SAVE, cores=(0,)), replace(TRAIN, cores=(3,))))
    assert recorded.unit_s(turned) == (4.0, 0.002)


def test_a_mix_that_was_not_recorded_is_named():
    recorded = Recorded({Mix((TRAIN,)): (0.002,)})
    with pytest.raises(InputError, match=r"save on cpu:0/1.*one of the 1 recorded"):
        recorded.unit_s(Mix((SAVE,)))


@pytest.mark.parametrize("units", [(), (0.0,), (float("nan"),), (1.0, 2.0)])
def test_a_table_must_give_each_member_a_time(units):
    with pytest.raises(InputError, match="a time > 0"):
        Recorded({Mix((TRAIN,)): units})
