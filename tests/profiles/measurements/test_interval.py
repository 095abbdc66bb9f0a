"""How precisely blocks tell a mean."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_rounds import rounds_of

from profiles.measurements.quiet_rounds import blocks_needed, half_width, spared, without_fault


def test_by_hand() -> None:
    """Mean 10, standard deviation 1, three blocks; Student's 97.5% quantile of two degrees of
    freedom is 4.303 in every table."""
    assert half_width([9.0, 10.0, 11.0]) == pytest.approx(4.303 / math.sqrt(3) / 10, rel=1e-4)
    assert half_width([5.0, 5.0]) == 0.0
    assert half_width([5.0]) == math.inf


def test_as_often_as_it_says_the_mean_lies_within() -> None:
    generator = np.random.default_rng(0)
    blocks = generator.normal(10.0, 1.0, (4000, 6))
    within = [abs(b.mean() - 10.0) <= half_width(list(b)) * b.mean() for b in blocks]
    assert np.mean(within) == pytest.approx(0.95, abs=0.015)


@given(st.lists(st.floats(1.0, 2.0), min_size=3, max_size=8), st.floats(0.005, 0.5))
def test_with_as_many_blocks_as_needed_it_is_precise(means: list[float], wanted: float) -> None:
    """The same blocks again and again have about the same spread."""
    count = blocks_needed(means, wanted)
    assert count >= 2
    times = -(-count // len(means))
    spread = np.std(means, ddof=1) / max(1e-12, np.std(means * times, ddof=1))
    assert half_width(means * times) * spread <= wanted * 1.0001


def test_rounds_of_a_stalled_machine_are_kept_apart() -> None:
    probes_s = [0.050, 0.051, 0.049, 0.120, 0.052, 0.064]
    taken = rounds_of(probes_s, [[0.01]] * 12)
    assert spared(taken) == [taken[at] for at in (0, 1, 2, 4)]
    assert spared(taken[:1]) == taken[:1]


def unchanged(means: list[tuple[float, float, float]]) -> list[int]:
    """Which of rounds with these mean steps count."""
    profiled = [
        {"durations": np.array([[middle * 1e6]]), "gaps": np.array([[0.0]])}
        for _, middle, _ in means
    ]
    plain = [[each] for first, _, last in means for each in (first, last)]
    taken = rounds_of([0.05] * len(means), plain, profiled)
    return [taken.index(each) for each in without_fault(taken, 0.0)]


def test_rounds_in_which_the_machine_changed_are_kept_apart() -> None:
    """The middle usually takes twice as long. It may be 1.25 times off, and so may the others."""
    means = [(1.0, 2.0, 1.0), (1.0, 2.4, 1.0), (1.0, 2.6, 1.0), (1.0, 2.0, 1.3), (1.0, 2.0, 1.1)]
    assert unchanged(means) == [0, 1, 4]


def test_two_that_disagree_do_not_tell_which_of_them_it_was() -> None:
    assert unchanged([(1.0, 1.0, 1.0), (1.0, 2.0, 1.0)]) == []
    assert unchanged([(1.0, 1.0, 1.0), (1.0, 2.0, 1.0), (1.0, 1.0, 1.0)]) == [0, 2]
    assert unchanged([]) == []
