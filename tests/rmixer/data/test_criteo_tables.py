"""Criteo with a table for each field: the Kaggle file and the terabyte, on small files."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np
import pytest
from criteo_text import WHOLE, line, many_lines

from rmixer.data.criteo_kaggle import CARDINALITIES
from rmixer.data.criteo_tables import expanded
from rmixer.data.criteo_terabyte_shapes import MULTI_HOT, ROWS_10M, ROWS_40M, ROWS_MULTI_HOT
from rmixer.data.making import Making
from rmixer.data.preparation import read_preparation
from rmixer.data.prepare import open_dataset, prepare
from rmixer.errors import InputError


def mixed(key: int) -> int:
    """SplitMix64 by Python's own integers."""
    mask = (1 << 64) - 1
    word = (key + 0x9E3779B97F4A7C15) & mask
    word = ((word ^ word >> 30) * 0xBF58476D1CE4E5B9) & mask
    word = ((word ^ word >> 27) * 0x94D049BB133111EB) & mask
    return word ^ word >> 31


def test_the_published_shapes() -> None:
    assert sum(CARDINALITIES) == 33_762_577
    assert (sum(ROWS_40M), sum(ROWS_10M)) == (187_767_399, 49_126_297)
    assert (sum(ROWS_MULTI_HOT), sum(MULTI_HOT)) == (204_184_588, 214)


def test_values_are_numbered_as_they_appear(tmp_path: Path) -> None:
    values = ["0000000b", "", "0000000a", "0000000B", "", "0000000c"]
    lines = [line(1, {}, {1: value, 3: value}) for value in values]
    (tmp_path / "train.txt").write_text("\n".join([*lines, WHOLE]))
    ids = open_dataset("criteo_kaggle_fields", str(tmp_path)).values["ids"]
    assert ids[:, 0].tolist() == [0, 1, 2, 0, 1, 3, 4], "missing is a value like others"
    assert ids[:, 1].tolist() == [0] * 6 + [1], "lines without a field have one value"
    keys = {
        "": 1 << 32,
        "0000000b": 11,
        "0000000a": 10,
        "0000000B": 11,
        "0000000c": 12,
        "0000abcd": 0xABCD,
    }
    rows = CARDINALITIES[2]
    assert ids[:, 2].tolist() == [
        mixed(3 << 33 ^ keys[value]) % rows for value in (*values, "0000abcd")
    ]


def test_integers_become_logarithms(tmp_path: Path) -> None:
    lines = [line(1, {1: 0, 2: 6, 3: -1, 4: 2_000_000_000}, {}), line(0, {}, {}), WHOLE]
    (tmp_path / "train.txt").write_text("\n".join(lines))
    dense = open_dataset("criteo_kaggle_fields", str(tmp_path)).values["dense"]
    np.testing.assert_allclose(dense[0, :4], [0, math.log(7), 0, math.log(2e9 + 1)], rtol=1e-6)
    assert not dense[1].any()


def test_more_values_than_rows_share_rows(tmp_path: Path) -> None:
    """C9 has a table of three rows."""
    lines = [line(0, {}, {9: f"{value:08x}"}) for value in (5, 6, 7, 8, 9, 5, 8)]
    (tmp_path / "train.txt").write_text("\n".join([*lines, WHOLE]))
    folder = prepare("criteo_kaggle_fields", str(tmp_path))
    ids = np.load(folder / "ids.npy")[:, 8].tolist()
    assert ids == [0, 1, 2, mixed(9 << 33 ^ 8) % 3, mixed(9 << 33 ^ 9) % 3, 0, ids[3], ids[7]]
    counts = {count.name: count for count in read_preparation(folder).counts}
    assert ids[7] == mixed(9 << 33 ^ 0xABCD) % 3
    assert (counts["C9 values"].found, counts["C9 values"].known) == (6, 3)
    assert counts["C9 values without a row"].found == 3
    assert (counts["C1 values"].found, counts["C1 values"].known) == (2, 1460)
    assert (counts["C3 values"].found, counts["C3 values"].about) == (2, True)
    assert (counts["rows"].found, counts["rows"].known) == (8, 45_840_617)


@pytest.mark.parametrize("compress", [False, True])
def test_blocks_and_processes_change_nothing(tmp_path: Path, compress: bool) -> None:
    """Order of appearance is that of the file, however it is cut."""
    lines = many_lines(600)
    text = "\n".join(lines).encode()
    path = tmp_path / "train.txt"
    path.write_bytes(gzip.compress(text[:9000]) + gzip.compress(text[9000:]) if compress else text)
    cut = prepare("criteo_kaggle_fields", str(path), Making(workers=2, block_bytes=10_000))
    ids = np.load(cut / "ids.npy")
    for field in range(26):
        values = [row.split("\t")[14 + field] for row in lines]
        if CARDINALITIES[field] > 300_000 or len(set(values)) > CARDINALITIES[field]:
            continue
        number = {value: place for place, value in enumerate(dict.fromkeys(values))}
        assert ids[:, field].tolist() == [number[value] for value in values]


def write_day(folder: Path, day: int, rows: int, compress: bool = False) -> None:
    text = "".join(f"{row}\n" for row in many_lines(rows, seed=day)).encode()
    name = f"day_{day}.gz" if compress else f"day_{day}"
    (folder / name).write_bytes(gzip.compress(text) if compress else text)


def test_days_come_in_order_and_the_last_is_held_out(tmp_path: Path) -> None:
    write_day(tmp_path, 10, 30)
    write_day(tmp_path, 2, 20, compress=True)
    write_day(tmp_path, 23, 10)
    (tmp_path / "day_24").write_text("no such day")
    arrays = open_dataset("criteo_terabyte_10m", str(tmp_path))
    assert (arrays.train_rows, arrays.rows) == (50, 60)
    expected = [
        int(row[0]) for day, rows in ((2, 20), (10, 30), (23, 10)) for row in many_lines(rows, day)
    ]
    assert arrays.values["label"].tolist() == expected
    # The first value that appears in a field, on the first of these days, has row 0.
    assert arrays.values["ids"][0, 1] == 0


@pytest.mark.parametrize("days", [[3, 4], [23]])
def test_without_its_last_day_the_last_tenth_is_held_out(tmp_path: Path, days: list[int]) -> None:
    for day in days:
        write_day(tmp_path, day, 20)
    arrays = open_dataset("criteo_terabyte_10m", str(tmp_path))
    assert arrays.rows - arrays.train_rows == 2 * len(days)


def test_no_day_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no file day_0.*day_0 … day_23"):
        prepare("criteo_terabyte", str(tmp_path))


def test_several_ids_of_a_field() -> None:
    """The first is the field's own, the others follow from it and from field and slot alone."""
    rows, sizes = (50, 1000, 1000), (1, 3, 4)
    many = expanded(np.array([[7, 5, 5], [8, 5, 6]], dtype=np.int32), rows, sizes)
    assert many.shape == (2, 8)
    assert many[:, 0].tolist() == [7, 8]
    assert many[:, 1].tolist() == [5, 5]
    assert many[:, 4].tolist() == [5, 6]
    for slot in (1, 2):
        assert many[:, 1 + slot].tolist() == [mixed(slot << 40 | 2 << 32 | 5) % 1000] * 2
    assert many[0, 5] == mixed(1 << 40 | 3 << 32 | 5) % 1000
    assert many[1, 5] == mixed(1 << 40 | 3 << 32 | 6) % 1000
    assert many.max() < 1000


def test_raw_files_with_several_ids(tmp_path: Path) -> None:
    write_day(tmp_path, 0, 20)
    single = open_dataset("criteo_terabyte_10m", str(tmp_path)).values["ids"]
    many = open_dataset("criteo_terabyte_multi_hot", str(tmp_path)).values["ids"]
    assert many.shape == (20, 214)
    firsts = np.cumsum(MULTI_HOT) - MULTI_HOT
    small = [field for field, rows in enumerate(ROWS_10M) if rows <= 300_000]
    np.testing.assert_array_equal(many[:, firsts[small]], single[:, small])


def test_the_twin_looks_like_the_real_data() -> None:
    arrays = open_dataset("criteo_kaggle_fields", "synthetic")
    ids, dense = arrays.values["ids"], arrays.values["dense"]
    assert abs(arrays.values["label"].mean() - 0.256) < 0.005
    for field, rows in enumerate(CARDINALITIES):
        if rows < 20_000:
            shares = np.sort(np.bincount(ids[:, field]))[::-1] / len(ids)
            # Zipf with exponent 1.1: the commonest value's share is 1 / Σ k ** -1.1.
            assert abs(shares[0] - 1 / (np.arange(1, rows + 1) ** -1.1).sum()) < 0.01
    assert len(np.unique(ids[:, 2])) > 30_000, "a field of ten million values has a long tail"
    assert dense.min() == 0.0
    assert 5 < dense.max() < 16, "logarithms of counts"
