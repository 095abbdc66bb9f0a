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


def test_ranking_by_hand() -> None:
    found = ranking(np.array([1.0, 3.0, 10.0, 10.5, 101.0]))
    assert found["hit_rate_10"] == pytest.approx(3 / 5)
    assert found["ndcg_10"] == pytest.approx((1 + 1 / 2 + 1 / math.log2(11)) / 5)
    assert found["mrr"] == pytest.approx((1 + 1 / 3 + 0.1 + 1 / 10.5 + 1 / 101) / 5)
