"""Batches as slices of arrays, in a fixed order."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from rmixer.data.arrays import Arrays, Column
from rmixer.data.batches import Batches
from rmixer.errors import InputError

COLUMNS = {
    "ids": Column("int32", "int64", 2, id_rows=100),
    "length": Column("int16", "int64"),
    "label": Column("uint8", "float32"),
}
SAMPLES = np.arange(25)
ARRAYS = Arrays(
    COLUMNS,
    {
        "ids": np.stack([SAMPLES, SAMPLES + 50], axis=1).astype("int32"),
        "length": SAMPLES.astype("int16"),
        "label": (SAMPLES % 2).astype("uint8"),
    },
    train_rows=18,
)


def first_samples(seed: int, count: int) -> list[int]:
    batches = Batches(ARRAYS, batch=4, seed=seed)
    return [int(batches.next_batch()["length"][0]) for _ in range(count)]


def test_whole_batches_follow_each_other_and_wrap_around() -> None:
    starts = first_samples(seed=0, count=9)
    assert set(starts) == {0, 4, 8, 12}, "samples 16 and 17 make no whole batch"
    assert all((b - a) % 16 == 4 for a, b in pairwise(starts))


def test_the_seed_chooses_where_to_start() -> None:
    assert first_samples(seed=3, count=5) == first_samples(seed=3, count=5)
    assert {first_samples(seed, 1)[0] for seed in range(20)} == {0, 4, 8, 12}


def test_types_are_what_the_step_needs() -> None:
    batch = Batches(ARRAYS, batch=4, seed=0).next_batch()
    assert {name: values.dtype for name, values in batch.items()} == {
        "ids": torch.int64,
        "length": torch.int64,
        "label": torch.float32,
    }
    assert batch["ids"].shape == (4, 2)


def test_a_cap_folds_ids_and_nothing_else() -> None:
    batches, capped = Batches(ARRAYS, 4, 0), Batches(ARRAYS, 4, 0, rows_cap=7)
    for _ in range(4):
        plain, folded = batches.next_batch(), capped.next_batch()
        assert torch.equal(folded["ids"], plain["ids"] % 7)
        assert torch.equal(folded["length"], plain["length"])


def test_ids_of_the_largest_tables_stay_what_they_are() -> None:
    """Single precision would count them by twos, and from 2**25 on by fours."""
    ids = np.array([2**24 + 1, 2**25 + 3, 39_999_999, 2**24 - 1], dtype=np.int32)
    arrays = Arrays({"ids": Column("int32", "int64", id_rows=40_000_000)}, {"ids": ids}, 4)
    assert Batches(arrays, 4, 0).next_batch()["ids"].tolist() == ids.tolist()
    capped = Batches(arrays, 4, 0, rows_cap=30_000_000).next_batch()["ids"].tolist()
    assert capped == [16_777_217, 3_554_435, 9_999_999, 16_777_215]


def test_held_out_samples_are_never_trained_on() -> None:
    lengths = [b["length"].tolist() for b in Batches(ARRAYS, 4, 0).held_out(10)]
    assert lengths == [[18, 19, 20, 21], [22, 23, 24]]
    assert len(list(Batches(ARRAYS, 4, 0).held_out(1))) == 1


def test_a_batch_larger_than_the_data_is_refused() -> None:
    with pytest.raises(InputError, match="at most the 18 samples"):
        Batches(ARRAYS, batch=19, seed=0)
