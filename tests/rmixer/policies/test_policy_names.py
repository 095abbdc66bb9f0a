"""Policies by name: ``job@device:key=value``, the nearest name suggested."""

from __future__ import annotations

import pytest

from rmixer.errors import InputError
from rmixer.policies import POLICIES, every_policy, make_policy, policy_names
from rmixer.policies.rmixer.dy_mix import DyMix

DEVICE_RULES = ("dySequ", "dyWork", "dyArin", "dyMemo")
JOB_RULES = ("dySequ", "dyRand", "dyMemo", "dyArin", "dyType", "static", "cognn")
PAIRS = {f"{job}@{device}" for job in JOB_RULES for device in DEVICE_RULES}
OTHERS = {
    *("sequential", "monolithic", "mps", "all_at_once", "lpt"),
    *("cognn_base", "cognn_lmcf", "cognn_bmc"),
    *("carma_ff", "carma_bf", "carma_magm", "carma_lug", "carma_rr"),
    *("horus", "lucid", "muri", "gavel"),
}


def test_every_policy_is_rmixers_29_pairs_and_the_others_once_each() -> None:
    names = list(every_policy())
    assert len(PAIRS | {"dyMix"}) == 29
    assert set(names) == PAIRS | {"dyMix"} | OTHERS
    assert len(names) == len(set(names))
    assert set(POLICIES) == {*JOB_RULES, "dyMix", *OTHERS}


@pytest.mark.parametrize("name", [*every_policy(), *JOB_RULES, "dyMix@dyMix", "dyRand@dyWork"])
def test_a_policy_is_made_fresh_with_its_seed_and_its_full_name(name: str) -> None:
    policy = make_policy(name, seed=7)
    assert (policy.name, policy.seed, policy.origin) == (name.partition("@")[0], 7, name)
    assert policy is not make_policy(name, seed=7)
    assert type(policy).source


def test_settings_come_after_a_colon() -> None:
    policy = make_policy("dyMix:beta=2")
    assert isinstance(policy, DyMix)
    assert (policy.beta, policy.origin) == (2.0, "dyMix:beta=2")
    both = make_policy("dyMix@dyMix:beta=2.5,seed=3", seed=9)
    assert isinstance(both, DyMix)
    assert (both.beta, both.seed) == (2.5, 3)
    assert (make_policy("dyRand:seed=7", seed=1).seed, make_policy("dyRand", seed=1).seed) == (7, 1)
    assert make_policy("dyRand@dyWork:seed=7").origin == "dyRand@dyWork:seed=7"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("dySeq", "'dySequ'"),
        ("DYTYPE", "'dyType'"),
        ("sequental", "'sequential'"),
        ("all-at-once", "'all_at_once'"),
        ("dyTyp@dySequ", "'dyType'"),
        ("dyType@dySeq", "'dySequ'"),
        ("carma_magn", "'carma_magm'"),
        ("cognn_bms", "'cognn_bmc'"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(InputError, match=f"--policy: found '{name}'; .*did you mean {nearest}"):
        make_policy(name)


@pytest.mark.parametrize("name", ["", "@", "planned", "dyType@", "@dySequ", "a@b", "dyType@dyMix"])
def test_what_is_no_policy_at_all_lists_the_names(name: str) -> None:
    with pytest.raises(InputError, match=r"one of .*dySequ|did you mean '"):
        make_policy(name)


@pytest.mark.parametrize("name", ["sequential@dySequ", "lpt@dyMix", "dyMix@dySequ", "muri@"])
def test_only_rmixers_job_rules_take_a_device_rule(name: str) -> None:
    with pytest.raises(InputError, match=f"'{name.partition('@')[0]}' alone"):
        make_policy(name)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("dyMix:bet=2", "'dyMix:bet=2': found 'bet'; allowed: did you mean 'beta'"),
        ("dyMix:beta", "'dyMix:beta': found 'beta'; allowed: settings as key=value"),
        ("dyMix:beta=", "'dyMix:beta=': beta: found ''; allowed: a number, 0 or more"),
        ("dyMix:beta=much", "beta: found 'much'; allowed: a number, 0 or more"),
        ("dyMix:beta=-1", "beta: found '-1'; allowed: a number, 0 or more"),
        ("dyMix:beta=nan", "beta: found 'nan'; allowed: a number, 0 or more"),
        ("dyMix:beta=inf", "beta: found 'inf'; allowed: a number, 0 or more"),
        ("dyMix:beta=2,beta=3", "found 'beta' twice; allowed: each setting once"),
        ("dyRand:seed=1.5", "seed: found '1.5'; allowed: a whole number, 0 or more"),
        ("dyRand:seed=-1", "seed: found '-1'; allowed: a whole number, 0 or more"),
        ("carma_ff:extra_mib=2.5", "extra_mib: found '2.5'; allowed: a whole number, 0 or more"),
        ("carma_ff:window_s=-30", "window_s: found '-30'; allowed: a number, 0 or more"),
        ("dyType:device_rule=dyWork", "found 'device_rule'; allowed: "),
        ("lpt:beta=2", "found 'beta'; allowed: "),
    ],
)
def test_wrong_settings(name: str, told: str) -> None:
    with pytest.raises(InputError) as error:
        make_policy(name)
    assert str(error.value).startswith("--policy: ")
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("dyType", ("dyType",)),
        ("dyType,lpt", ("dyType", "lpt")),
        (" dyMix:beta=2 , seed=1, lpt ", ("dyMix:beta=2,seed=1", "lpt")),
        ("carma_ff:window_s=1,extra_mib=2,lpt", ("carma_ff:window_s=1,extra_mib=2", "lpt")),
        ("lpt,dyMix:beta=2,dyMix:beta=4", ("lpt", "dyMix:beta=2", "dyMix:beta=4")),
        ("mine.policies:Mine:depth=2,width=3,lpt", ("mine.policies:Mine:depth=2,width=3", "lpt")),
        (None, tuple(every_policy())),
    ],
)
def test_a_list_of_names_is_split_before_names_and_not_before_settings(
    text: str | None, names: tuple[str, ...]
) -> None:
    assert policy_names(text) == names


@pytest.mark.parametrize("text", ["", "dyType,", ",dyType", "seed=3"])
def test_a_list_with_a_name_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="--policy: "):
        list(map(make_policy, policy_names(text)))
