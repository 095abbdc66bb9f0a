"""Concordance and regret by hand."""

from __future__ import annotations

import numpy as np
import pytest

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


def test_two_repeats_say_little() -> None:
    found = judge_choice([contender("a", 1.0, 1.0, 1.0), contender("b", 2.0, 2.0, 2.0)])
    assert (found.regret, found.regret_interval, found.floor) == (None, None, None)
    assert found.regret_verdict == "undecided"
