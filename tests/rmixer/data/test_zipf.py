"""Zipf ranks against their own probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from rmixer.data.zipf import zipf_ranks


@pytest.mark.parametrize(("largest", "exponent"), [(3, 1.1), (24, 0.8), (1000, 1.1)])
def test_frequencies_are_proportional_to_rank_to_the_minus_exponent(
    largest: int, exponent: float
) -> None:
    n = 200_000
    ranks = zipf_ranks(largest, exponent, np.random.default_rng(5), n)
    weights = np.arange(1, largest + 1) ** -exponent
    seen = np.bincount(ranks, minlength=largest + 1)[1:]
    assert len(seen) == largest
    assert stats.chisquare(seen, n * weights / weights.sum()).pvalue > 1e-3


def test_a_bound_for_each_draw_is_kept() -> None:
    largest = np.array([1, 2, 10_000_000] * 1000)
    ranks = zipf_ranks(largest, 1.1, np.random.default_rng(5), 3000)
    assert (ranks >= 1).all()
    assert (ranks <= largest).all()
    assert ranks[2::3].max() > 1_000_000
