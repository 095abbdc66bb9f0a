"""Inputs made up to a model's shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rmixer.data.deeprecsys_shapes import SHAPES
from rmixer.data.synthetic_clicks import SyntheticClicks
from rmixer.errors import InputError


def whole(data: SyntheticClicks) -> dict[str, NDArray[Any]]:
    """All chunks of the twin in one."""
    chunks = list(data.twin())
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in data.columns}


def test_columns_and_labels() -> None:
    data = SyntheticClicks(dense=3, rows=(1000, 50_000), look_ups=4, tasks=2)
    values = whole(data)
    assert values["dense"].shape == (150_000, 3)
    assert values["ids"].shape == (150_000, 8)
    assert values["label"].shape == (150_000, 2)
    for name, again in whole(data).items():
        np.testing.assert_array_equal(values[name], again)
    np.testing.assert_allclose(values["label"].mean(axis=0), 0.3, atol=0.01)
    first, second = values["ids"][:, :4], values["ids"][:, 4:]
    assert min(first.min(), second.min()) == 0
    assert first.max() == 999
    assert 40_000 < second.max() < 50_000
    # With Zipf's law of exponent 1.2 the first of 1000 ranks has 1 / sum(k ** -1.2) of all.
    share = np.bincount(first.ravel()).max() / first.size
    assert share == pytest.approx(1 / sum(k**-1.2 for k in range(1, 1001)), abs=0.005)


def test_the_truth_can_be_told_from_dense_features_and_from_ids() -> None:
    values = whole(SyntheticClicks(dense=16, rows=(20, 20), look_ups=1))
    dense, ids, label = values["dense"], values["ids"], values["label"].astype(float)
    _, residual, *_ = np.linalg.lstsq(np.c_[dense, np.ones(len(label))], label, rcond=None)
    assert residual[0] / len(label) < 0.95 * label.var(), "a line through the dense features"
    rates = np.array([label[ids[:, 0] == i].mean() for i in range(20)])
    assert rates.std() > 0.1


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_fit_on_disk_and_fill_batches(shape: str) -> None:
    data = SyntheticClicks(**SHAPES[shape])
    width = {
        name: np.dtype(c.stored).itemsize * max(1, c.width) for name, c in data.columns.items()
    }
    assert data.samples * sum(width.values()) <= 120e6
    assert data.samples * 7 // 8 >= 8 * 256


def test_there_are_no_raw_files(tmp_path: Path) -> None:
    data = SyntheticClicks(dense=0, rows=(10,), look_ups=1)
    with pytest.raises(InputError, match="no raw files"):
        data.raw_files(tmp_path)
