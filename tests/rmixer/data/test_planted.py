"""The labels of a twin follow its planted truth at the wanted rate."""

from __future__ import annotations

import numpy as np

from rmixer.data.hashing import unit_effects
from rmixer.data.planted import PlantedTruth, bias_for, scattered, zipf_fields


def test_terms_add_up() -> None:
    values = np.array([[3, 7], [3, 8]], dtype=np.uint32)
    truth = PlantedTruth(2)
    truth.add(np.array([1.0, -1.0]))
    truth.add_fields(values, 0.5)
    truth.add_pairs(values, [(1, 2)], 2.0)
    for row, (one, other) in enumerate(((3, 7), (3, 8))):
        keys = np.array([1 << 32 | one, 2 << 32 | other], dtype=np.uint64)
        fields, pair = unit_effects(keys, 1), unit_effects(keys, 2)
        expected = (1.0, -1.0)[row] + 0.5 * fields.sum() + 2.0 * pair[0] * pair[1]
        assert np.isclose(truth.logits[row], expected)


def test_the_bias_gives_the_rate() -> None:
    """With all logits 0 the bias is the log-odds of the rate."""
    assert np.isclose(bias_for(np.zeros(10), 0.2), np.log(0.2 / 0.8), atol=1e-6)


def test_labels_follow_the_logits() -> None:
    rng = np.random.default_rng(1)
    truth = PlantedTruth(40_000)
    truth.add(np.where(np.arange(40_000) % 2 == 0, 2.0, -2.0))
    labels = truth.labels(0.3, rng)
    assert abs(labels.mean() - 0.3) < 0.01
    odds = [labels[start::2].mean() / (1 - labels[start::2].mean()) for start in (0, 1)]
    assert abs(np.log(odds[0] / odds[1]) - 4.0) < 0.2, "the log-odds differ by what was planted"


def test_fields_have_their_own_law() -> None:
    ranks = zipf_fields((5, 1000), (0.5, 2.0), np.random.default_rng(2), 20_000)
    assert ranks[:, 0].max() == 5
    assert ranks.min() == 1
    weights = np.arange(1, 1001) ** -2.0
    assert abs((ranks[:, 1] == 1).mean() - 1 / weights.sum()) < 0.01
    assert len(np.unique(scattered(np.arange(1000, dtype=np.uint32)))) == 1000
