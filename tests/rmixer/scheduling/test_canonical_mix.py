"""Mixes in canonical form: who shares cores with whom, and nothing else, tells two apart."""

from __future__ import annotations

import random
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from rmixer.scheduling.step_times import Member, Mix

members = st.builds(
    Member,
    identity=st.sampled_from(["din", "dlrm"]),
    phase=st.sampled_from(["train", "build"]),
    device=st.sampled_from(["cpu:0", "gpu:0"]),
    cores=st.sampled_from([(), (0,), (1,), (5,), (2, 3), (6, 7, 8)]),
)
mixes = st.lists(members, max_size=7).map(lambda found: Mix(tuple(found)))


def mix(*cores: tuple[int, ...], identity: str = "din") -> Mix:
    return Mix(tuple(Member(identity, "train", "cpu:0", c) for c in cores))


def shared(a: Member, b: Member) -> int:
    """How many cores two members share."""
    return len(set(a.cores) & set(b.cores))


def test_cores_are_counted_from_zero_one_group_after_another() -> None:
    canonical, position = mix((4, 5), (9,), (4, 5)).canonical()
    assert [member.cores for member in canonical.members] == [(0,), (1, 2), (1, 2)]
    assert position == (1, 0, 2)


def test_which_cores_they_are_does_not_matter() -> None:
    assert mix((0,), (1,)).canonical()[0] == mix((7,), (3,)).canonical()[0]


def test_sharing_a_core_does_matter() -> None:
    assert mix((0,), (0,)).canonical()[0] != mix((0,), (1,)).canonical()[0]


def test_cores_shared_in_part_stay_shared() -> None:
    canonical, position = mix((0, 1), (1, 2), (2, 3), (8, 9)).canonical()
    a, b, c, alone = (canonical.members[p] for p in position)
    assert [shared(a, b), shared(b, c), shared(a, c)] == [1, 1, 0]
    assert shared(alone, a) == shared(alone, b) == shared(alone, c) == 0


def test_an_empty_mix() -> None:
    assert Mix(()).canonical() == (Mix(()), ())


@given(found=mixes)
def test_positions_lead_back_to_the_members(found: Mix) -> None:
    canonical, position = found.canonical()
    assert sorted(position) == list(range(len(found.members)))
    for member, at in zip(found.members, position, strict=True):
        there = canonical.members[at]
        assert (there.identity, there.phase, there.device, there.placement, there.sharing) == (
            member.identity,
            member.phase,
            member.device,
            member.placement,
            member.sharing,
        )
        assert there.threads == member.threads


@given(found=st.lists(st.lists(st.integers(0, 6), unique=True, max_size=3), max_size=6))
def test_who_shares_how_many_cores_with_whom_is_kept(found: list[list[int]]) -> None:
    before = mix(*(tuple(sorted(cores)) for cores in found))
    canonical, position = before.canonical()
    after = [canonical.members[at] for at in position]
    for (a, b), (c, d) in zip(combinations(before.members, 2), combinations(after, 2), strict=True):
        assert shared(a, b) == shared(c, d)


@given(found=mixes, shuffle=st.randoms(use_true_random=False))
def test_neither_order_nor_core_numbers_change_the_form(found: Mix, shuffle: random.Random) -> None:
    names = list(range(20))
    shuffle.shuffle(names)
    renamed = [
        Member(m.identity, m.phase, m.device, tuple(names[core] for core in m.cores))
        for m in found.members
    ]
    shuffle.shuffle(renamed)
    canonical = found.canonical()[0]
    assert Mix(tuple(renamed)).canonical()[0] == canonical
    assert canonical.canonical() == (canonical, tuple(range(len(found.members))))
