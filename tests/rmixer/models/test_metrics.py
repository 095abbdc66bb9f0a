"""AUC against hand cases and against counting all pairs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmixer.models.metrics import auc


@pytest.mark.parametrize(
    ("labels", "scores", "expected"),
    [
        ([0, 0, 1, 1], [1, 2, 3, 4], 1.0),
        ([1, 1, 0, 0], [1, 2, 3, 4], 0.0),
        ([0, 1, 0, 1], [7, 7, 7, 7], 0.5),
        ([0, 1, 1], [2, 1, 3], 0.5),
        ([0, 1, 0], [1, 1, 0], 0.75),
    ],
)
def test_by_hand(labels: list[int], scores: list[float], expected: float) -> None:
    assert auc(np.array(labels), np.array(scores)) == pytest.approx(expected)


def test_one_class_alone_has_none() -> None:
    assert math.isnan(auc(np.ones(3), np.arange(3)))


@pytest.mark.parametrize(
    ("labels", "scores"),
    [
        ([0, 1, 0, 1], [0.1, math.nan, 0.3, 0.4]),
        ([0, 1, 0, 1], [math.nan, 0.2, 0.3, 0.4]),
        ([0, 1, math.nan, 1], [0.1, 0.2, 0.3, 0.4]),
        ([0, 1], [math.nan, math.nan]),
    ],
)
def test_what_is_not_a_number_makes_it_none(labels: list[float], scores: list[float]) -> None:
    assert math.isnan(auc(labels, scores))
    assert math.isnan(auc(np.array(labels), np.array(scores)))


def test_infinite_scores_are_in_order() -> None:
    assert auc(np.array([0, 1, 0, 1]), np.array([-math.inf, math.inf, 0.0, 1.0])) == 1.0


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=40))
def test_equals_counting_pairs(samples: list[tuple[bool, int]]) -> None:
    positives = [score for label, score in samples if label]
    negatives = [score for label, score in samples if not label]
    if not positives or not negatives:
        return
    won = sum((p > n) + 0.5 * (p == n) for p in positives for n in negatives)
    labels, scores = (np.array(column) for column in zip(*samples, strict=True))
    assert auc(labels, scores) == pytest.approx(won / (len(positives) * len(negatives)))
