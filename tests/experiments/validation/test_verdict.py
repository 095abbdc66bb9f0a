"""When an error may be called a pass, a failure, undecided, or nothing that this machine shows."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.validation.verdict import (
    bootstrap_interval,
    executions_interval,
    judge_executions,
    judge_jobs,
    overall_word,
    unfinished,
)

NEAR_FIVE_PERCENT = [0.05, -0.045, 0.055, -0.05, 0.048, 0.052]
fractions = st.floats(-2, 2, allow_nan=False)


def test_pass_needs_the_whole_interval_within_the_goal() -> None:
    judged = judge_jobs(NEAR_FIVE_PERCENT, goal=0.10, floor=0.01)
    assert judged.verdict == "pass"
    assert judged.value == pytest.approx(0.05)
    assert judged.low is not None
    assert judged.high is not None
    assert 0.045 <= judged.low < 0.05 < judged.high <= 0.055
    assert judged.needed is None


def test_fail_needs_the_whole_interval_above_the_goal() -> None:
    judged = judge_jobs([0.3, -0.28, 0.31, 0.29], goal=0.10, floor=0.01)
    assert judged.verdict == "fail"
    assert "above the goal of 10%" in judged.why


def test_undecided_when_the_interval_holds_the_goal() -> None:
    judged = judge_jobs([0.01, 0.20, 0.02, 0.19, 0.03, 0.15], goal=0.15, floor=0.01)
    assert judged.value == pytest.approx(0.10)
    assert judged.verdict == "undecided"
    assert judged.needed_of == "jobs"
    assert judged.needed is not None
    assert f"about {judged.needed} more jobs" in judged.why


def test_a_noisy_machine_can_neither_pass_nor_fail() -> None:
    for errors in (NEAR_FIVE_PERCENT, [0.9, 0.8, 0.95]):
        judged = judge_jobs(errors, goal=0.10, floor=0.051)
        assert judged.verdict == "not measurable here"
    assert judge_jobs(NEAR_FIVE_PERCENT, goal=0.10, floor=0.05).verdict == "pass"


def test_without_a_second_execution_a_pass_is_never_claimed() -> None:
    judged = judge_jobs(NEAR_FIVE_PERCENT, goal=0.10, floor=None)
    assert (judged.verdict, judged.needed, judged.needed_of) == ("undecided", 1, "executions")
    assert "executed once" in judged.why


def test_without_a_second_execution_a_failure_still_shows() -> None:
    assert judge_jobs([0.3, -0.28, 0.31], goal=0.10, floor=None).verdict == "fail"


def test_one_job_or_none_decides_nothing() -> None:
    assert judge_jobs([0.01], goal=0.10, floor=0.0).verdict == "undecided"
    nothing = judge_jobs([], goal=0.10, floor=0.0)
    assert (nothing.verdict, nothing.value, nothing.low) == ("undecided", None, None)


def test_two_executions_give_students_interval() -> None:
    # Mean 4%, standard deviation sqrt(2) x 0.1%, so the half-width is 12.7062 x 0.1%.
    judged = judge_executions([0.039, 0.041], goal=0.10, floor=0.002)
    assert judged.value == 0.039
    assert judged.low == pytest.approx(0.04 - 12.7062 * 0.001, abs=1e-7)
    assert judged.high == pytest.approx(0.04 + 12.7062 * 0.001, abs=1e-7)
    assert judged.verdict == "pass"


def test_how_many_executions_are_needed() -> None:
    # Half-width 12.7062 x 0.5% = 6.35% about 4%, and 6% are left to the goal: with three it is
    # 6.35% x (4.3027 / sqrt(3)) / (12.7062 / sqrt(2)) = 1.8%, which is enough.
    judged = judge_executions([0.04, 0.05], goal=0.10, floor=0.01)
    assert judged.verdict == "undecided"
    assert (judged.needed, judged.needed_of) == (1, "executions")


def test_an_error_at_the_goal_is_never_decided() -> None:
    judged = judge_jobs([0.05, 0.15], goal=0.10, floor=0.0)
    assert judged.needed is None
    assert "more than 1000 more jobs" in judged.why


def test_one_execution_has_no_interval() -> None:
    judged = judge_executions([0.01], goal=0.10, floor=None)
    assert (judged.verdict, judged.low, judged.high) == ("undecided", None, None)


def test_executions_on_both_sides_of_zero_fold() -> None:
    interval = executions_interval([-0.01, 0.02])
    assert interval is not None
    assert interval[0] == 0.0
    assert interval[1] == pytest.approx(0.005 + 12.7062 * 0.015, abs=1e-6)


def test_unfinished_work_is_undecided() -> None:
    judged = unfinished(0.1, 0.02, 0.01, "2 jobs were not completed")
    assert (judged.verdict, judged.why) == ("undecided", "2 jobs were not completed")


def test_the_worst_word_stands_for_all() -> None:
    good = judge_jobs(NEAR_FIVE_PERCENT, 0.10, 0.01)
    bad = judge_jobs([0.3, 0.31, 0.32], 0.10, 0.01)
    noisy = judge_jobs(NEAR_FIVE_PERCENT, 0.10, 0.09)
    unknown = judge_jobs(NEAR_FIVE_PERCENT, 0.10, None)
    assert overall_word([None, good, good]) == "pass"
    assert overall_word([good, unknown]) == "undecided"
    assert overall_word([good, unknown, noisy]) == "not measurable here"
    assert overall_word([noisy, bad, unknown]) == "fail"


@pytest.mark.parametrize(("count", "lowest"), [(6, 0.88), (24, 0.92)])
def test_the_bootstrap_covers_a_known_mean(count: int, lowest: float) -> None:
    """Errors are normal with a standard deviation of 1: the mean of their size is sqrt(2 / pi)."""
    draw = np.random.default_rng(5)
    truth, trials, covered = math.sqrt(2 / math.pi), 300, 0
    for seed in range(trials):
        interval = bootstrap_interval(np.abs(draw.normal(size=count)).tolist(), seed)
        assert interval is not None
        covered += interval[0] <= truth <= interval[1]
    assert lowest <= covered / trials <= 0.99


def test_the_interval_of_executions_covers_a_known_error() -> None:
    draw = np.random.default_rng(7)
    trials = 2000
    intervals = (
        executions_interval(draw.normal(1.0, 0.02, size=3).tolist()) for _ in range(trials)
    )
    covered = sum(i is not None and i[0] <= 1.0 <= i[1] for i in intervals)
    assert covered / trials == pytest.approx(0.95, abs=0.02)


def test_the_bootstrap_narrows_as_one_over_the_root_of_n() -> None:
    widths = []
    for count in (50, 200, 800):
        interval = bootstrap_interval([0.05, 0.15] * (count // 2))
        assert interval is not None
        widths.append(interval[1] - interval[0])
    for wide, narrow in pairwise(widths):
        assert wide / narrow == pytest.approx(2.0, rel=0.1)


def test_the_bootstrap_is_repeatable() -> None:
    values = [0.1, 0.3, 0.2, 0.7]
    assert bootstrap_interval(values) == bootstrap_interval(values)


@given(st.lists(fractions, min_size=2, max_size=8))
def test_an_interval_lies_within_what_was_found(errors: list[float]) -> None:
    sizes = [abs(error) for error in errors]
    interval = bootstrap_interval(sizes)
    assert interval is not None
    low, high = interval
    assert min(sizes) - 1e-9 <= low <= sum(sizes) / len(sizes) + 1e-9
    assert sum(sizes) / len(sizes) - 1e-9 <= high <= max(sizes) + 1e-9


@given(st.lists(fractions, min_size=2, max_size=6), st.floats(0.01, 1), st.floats(0, 1))
def test_an_easier_goal_is_never_failed_where_a_harder_one_is_passed(
    errors: list[float], goal: float, floor: float
) -> None:
    if judge_jobs(errors, goal, floor).verdict == "pass":
        assert judge_jobs(errors, 1.5 * goal, floor).verdict == "pass"
    if judge_jobs(errors, 1.5 * goal, floor).verdict == "fail":
        assert judge_jobs(errors, goal, floor).verdict in ("fail", "not measurable here")
