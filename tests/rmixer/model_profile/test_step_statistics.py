"""Step times in a few figures, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from rmixer.model_profile.step_statistics import step_statistics


def test_steps_without_a_stall() -> None:
    found = step_statistics([1.0, 2.0, 3.0, 4.0, 5.0])
    assert (found.n, found.mean_s, found.p50_s) == (5, 3.0, 3.0)
    assert (found.p10_s, found.p90_s) == (pytest.approx(1.4), pytest.approx(4.6))
    assert (found.stalls, found.stall_s) == (0, 0.0)
    assert found.total_s == 15.0


def test_a_stall_is_left_out_of_the_mean_and_what_it_adds_is_kept() -> None:
    """The median is 1: 10 is no stall, 10.5 and 30 are. The mean of the others is (7 + 10) / 8."""
    found = step_statistics([1.0] * 7 + [10.0, 10.5, 30.0])
    assert found.stalls == 2
    assert found.mean_s == 17 / 8
    assert found.stall_s == 40.5 - 2 * 17 / 8
    assert found.total_s == pytest.approx(57.5)


def test_one_step_is_enough_and_none_is_not() -> None:
    assert step_statistics(np.array([0.25])).total_s == 0.25
    with pytest.raises(ValueError, match="no steps"):
        step_statistics([])
