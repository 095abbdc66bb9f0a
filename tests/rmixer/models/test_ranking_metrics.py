"""PAUC against counting pairs at each position, ranking figures by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmixer.models.metrics import position_auc, ranking


@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=40
    )
)
def test_pauc_equals_counting_pairs(samples: list[tuple[bool, int, int]]) -> None:
    total = weight = 0.0
    for position in range(3):
        here = [(label, score) for label, score, at in samples if at == position]
        positives = [score for label, score in here if label]
        negatives = [score for label, score in here if not label]
        pairs = len(positives) * len(negatives)
        if pairs:
            won = sum((p > n) + 0.5 * (p == n) for p in positives for n in negatives)
            total, weight = total + len(here) * won / pairs, weight + len(here)
    labels, scores, positions = (np.array(column) for column in zip(*samples, strict=True))
    found = position_auc(labels, scores, positions)
    if weight:
        assert found == pytest.approx(total / weight)
    else:
        assert math.isnan(found)


@pytest.mark.parametrize("place", [0, 3])
@pytest.mark.parametrize("which", ["labels", "scores", "positions"])
def test_pauc_of_what_is_not_a_number_is_none(which: str, place: int) -> None:
    samples = {
        "labels": np.array([0.0, 1.0, 0.0, 1.0]),
        "scores": np.array([0.1, 0.2, 0.3, 0.4]),
        "positions": np.array([0.0, 0.0, 1.0, 1.0]),
    }
    assert position_auc(**samples) == 1.0
    samples[which][place] = math.nan
    assert math.isnan(position_auc(**samples))


@pytest.mark.parametrize("ranks", [[1.0, math.nan], []])
def test_ranks_that_are_not_numbers_make_none(ranks: list[float]) -> None:
    found = ranking(np.array(ranks))
    assert set(found) == {"hit_rate_10", "ndcg_10", "mrr"}
    assert all(math.isnan(value) for value in found.values())


def test_ranking_by_hand() -> None:
    found = ranking(np.array([1.0, 3.0, 10.0, 10.5, 101.0]))
    assert found["hit_rate_10"] == pytest.approx(3 / 5)
    assert found["ndcg_10"] == pytest.approx((1 + 1 / 2 + 1 / math.log2(11)) / 5)
    assert found["mrr"] == pytest.approx((1 + 1 / 3 + 0.1 + 1 / 10.5 + 1 / 101) / 5)
