"""Quality measures of a model's scores.

A score, label or rank that is NaN makes every figure here NaN: a comparison with NaN is false, so
it would count as the best or the worst answer.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def auc(labels: NDArray[Any], scores: NDArray[Any]) -> float:
    """The share of (positive, negative) pairs that ``scores`` orders correctly, a tie counting
    half.

    Both of shape [n], labels 0 or 1. By ranks (Mann and Whitney, 1947), tied scores sharing the
    mean of theirs, in O(n log n). NaN if one of the classes is absent, or if a label or a score is
    NaN.
    """
    if _has_nan(labels, scores):
        return math.nan
    positive = np.asarray(labels) > 0.5
    positives = int(positive.sum())
    negatives = positive.size - positives
    if positives == 0 or negatives == 0:
        return math.nan
    _, place, counts = np.unique(np.asarray(scores), return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2.0
    rank_sum = float(mean_rank[place][positive].sum())
    return (rank_sum - positives * (positives + 1) / 2.0) / (positives * negatives)


def position_auc(labels: NDArray[Any], scores: NDArray[Any], positions: NDArray[Any]) -> float:
    """PAUC: the mean of :func:`auc` at each position, weighted by the samples there (Huang et
    al., SIGIR 2021). All of shape [n]; a position with one class only has none and is left out.
    NaN if no position has both classes, or if a label, a score or a position is NaN.
    """
    if _has_nan(labels, scores, positions):
        return math.nan
    areas, weights = [], []
    for position in np.unique(positions):
        here = np.asarray(positions) == position
        area = auc(np.asarray(labels)[here], np.asarray(scores)[here])
        if not math.isnan(area):
            areas.append(area)
            weights.append(int(here.sum()))
    return float(np.average(areas, weights=weights)) if areas else math.nan


def ranking(ranks: NDArray[Any]) -> dict[str, float]:
    """``hit_rate_10``, ``ndcg_10`` and ``mrr`` of the ranks [n], from 1, of the one item that is
    relevant among each sample's candidates (Järvelin and Kekäläinen, TOIS 20(4), 2002). All are
    NaN if a rank is, or if there is none."""
    found = np.asarray(ranks, dtype=np.float64)
    if found.size == 0 or _has_nan(found):
        return dict.fromkeys(("hit_rate_10", "ndcg_10", "mrr"), math.nan)
    hit = found <= 10
    return {
        "hit_rate_10": float(hit.mean()),
        "ndcg_10": float((hit / np.log2(found + 1.0)).mean()),
        "mrr": float((1.0 / found).mean()),
    }


def _has_nan(*arrays: NDArray[Any]) -> bool:
    return any(bool(np.isnan(np.asarray(array, dtype=np.float64)).any()) for array in arrays)
