"""How good a model's scores are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def auc(labels: NDArray[Any], scores: NDArray[Any]) -> float:
    """The share of (positive, negative) pairs that ``scores`` puts in order, a tie counting half.

    Both of shape [n], labels 0 or 1. By ranks (Mann and Whitney, 1947), tied scores sharing the
    mean of theirs, in O(n log n). Not a number if one of the classes is absent.
    """
    positive = np.asarray(labels) > 0.5
    positives = int(positive.sum())
    negatives = positive.size - positives
    if positives == 0 or negatives == 0:
        return math.nan
    _, place, counts = np.unique(np.asarray(scores), return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2.0
    rank_sum = float(mean_rank[place][positive].sum())
    return (rank_sum - positives * (positives + 1) / 2.0) / (positives * negatives)
