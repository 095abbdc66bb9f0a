"""Policies by name: ``job`` or ``job@device``, the nearest name suggested."""

from __future__ import annotations

import pytest

from rmixer.errors import InputError
from rmixer.policies import POLICIES, make_policy


def test_the_policies_of_this_release() -> None:
    assert sorted(POLICIES) == ["all_at_once", "dyRand", "dySequ", "dyType", "sequential"]


@pytest.mark.parametrize("name", [*POLICIES, "dyType@dySequ", "dyRand@dySequ"])
def test_a_policy_is_made_fresh_with_its_seed(name: str) -> None:
    policy = make_policy(name, seed=7)
    assert (policy.name, policy.seed) == (name.partition("@")[0], 7)
    assert policy is not make_policy(name, seed=7)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("dySeq", "'dySequ'"),
        ("DYTYPE", "'dyType'"),
        ("sequental", "'sequential'"),
        ("all-at-once", "'all_at_once'"),
        ("dyTyp@dySequ", "'dyType'"),
        ("dyType@dySeq", "'dySequ'"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(InputError, match=f"--policy: found '{name}'; .*did you mean {nearest}"):
        make_policy(name)


@pytest.mark.parametrize("name", ["", "@", "planned", "dyType@", "@dySequ", "a@b@c"])
def test_what_is_no_policy_at_all_lists_the_names(name: str) -> None:
    with pytest.raises(InputError, match=r"one of .*dySequ"):
        make_policy(name)


def test_a_baseline_takes_no_device_rule() -> None:
    with pytest.raises(InputError, match="'sequential' alone"):
        make_policy("sequential@dySequ")
