"""Concordance and regret by hand."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.tables.choice_table import choice_lines
from experiments.validation.choice import Contender, judge_choice


def contender(name: str, predicted_s: float, *measured_s: float) -> Contender:
    return Contender(name, predicted_s, measured_s)


def test_regret_is_scored_on_the_repeats_that_did_not_choose() -> None:
    """``b`` wins repeats 1 and 3 (means 10.5 and 9.5); in 2 and 4 ``a`` is 2% and 4% slower."""
    a = contender("a", 9.0, 10.0, 10.2, 11.0, 10.4)
    b = contender("b", 9.5, 9.0, 10.0, 10.0, 10.0)
    found = judge_choice([a, b])
    assert found.best == "b"
    assert found.regret == pytest.approx(0.03)
    assert found.regret_interval is not None
    low, high = found.regret_interval
    assert low < 0.03 < high
    assert found.floor == pytest.approx((high - low) / 2)


def test_only_pairs_that_the_repeats_decide_count() -> None:
    """``a`` and ``b`` are 1 s apart in each repeat; ``c`` is now faster than ``b``, now slower. The
    differences of ``a`` and ``c`` are 2 and 0: their mean is 1 ± 12.7 / sqrt(2) sqrt(2)."""
    a = contender("a", 1.0, 10.0, 10.0)
    b = contender("b", 2.0, 11.0, 11.0)
    c = contender("c", 0.5, 12.0, 10.0)
    found = judge_choice([a, b, c])
    assert (found.decided, found.pairs, found.concordance) == (1, 3, 1.0)
    assert judge_choice([contender("a", 3.0, 10.0, 10.0), b, c]).concordance == 0.0
    assert judge_choice([contender("a", 2.0, 10.0, 10.0), b, c]).concordance == 0.5
    assert found.concordance_verdict == "undecided"  # of one pair nothing follows


def noisy(seconds: list[float], noise: float, repeats: int = 10) -> list[Contender]:
    draw = np.random.default_rng(3)
    return [
        contender(str(at), s, *(s * (1 + noise * draw.standard_normal(repeats))))
        for at, s in enumerate(seconds)
    ]


def test_a_perfect_simulator() -> None:
    found = judge_choice(noisy([10.0, 11.0, 12.0, 14.0, 20.0], 0.002))
    assert (found.concordance, found.decided) == (1.0, 10)
    assert found.best == "0"
    assert found.regret == 0.0
    assert (found.regret_verdict, found.concordance_verdict) == ("pass", "pass")


def test_one_that_is_wrong() -> None:
    right = noisy([10.0, 11.0, 12.0, 14.0, 20.0], 0.002)
    wrong = [contender(each.name, -each.predicted_s, *each.measured_s) for each in reversed(right)]
    found = judge_choice(wrong)
    assert found.concordance == 0.0
    assert found.regret == pytest.approx(1.0, abs=0.02)
    assert (found.regret_verdict, found.concordance_verdict) == ("fail", "fail")


def test_a_machine_that_is_too_noisy() -> None:
    """Eight equal schedules at 5%: the winner of the odd repeats is no better on the even ones."""
    found = judge_choice(noisy([10.0] * 8, 0.05))
    assert found.regret is not None
    assert abs(found.regret) < 0.05
    assert found.regret_verdict == "not measurable here"
    assert found.concordance_verdict == "undecided"


def test_an_interval_wider_than_the_goal_is_never_a_pass() -> None:
    """On even repeats 4% better and 4% worse in turn: an interval of about -4% to +4%."""
    even = (0.96, 1.0, 1.04, 1.0, 0.97, 1.0, 1.03, 1.0)
    chosen = contender("a", 1.0, *(s for at in range(8) for s in (1.1, even[at])))
    best = contender("b", 2.0, *(1.0 for _ in range(16)))
    found = judge_choice([chosen, best])
    assert found.regret_interval is not None
    assert found.regret_interval[1] < 0.03
    assert found.floor is not None
    assert found.floor > 0.015
    assert (found.regret_verdict, found.more_repeats) == ("not measurable here", None)


def test_an_undecided_regret_says_how_many_repeats_would_decide() -> None:
    """2.5% in the mean of six even repeats, at most 3.5% by the interval. To 3% it is half
    of that. Student's 2.571 / sqrt(6) is twice 2.120 / sqrt(17): eleven more, so 22 repeats."""
    even = (1.01, 1.02, 1.03, 1.02, 1.04, 1.03)
    chosen = contender("a", 1.0, *(s for each in even for s in (1.1, each)))
    found = judge_choice([chosen, contender("b", 2.0, *(1.0 for _ in range(12)))])
    assert found.regret == pytest.approx(0.025)
    assert found.regret_verdict == "undecided"
    assert found.more_repeats == 22
    assert "about 22 more repeats would decide" in choice_lines(found)[0]


def test_two_repeats_say_little() -> None:
    found = judge_choice([contender("a", 1.0, 1.0, 1.0), contender("b", 2.0, 2.0, 2.0)])
    assert (found.regret, found.regret_interval, found.floor) == (None, None, None)
    assert found.regret_verdict == "undecided"
