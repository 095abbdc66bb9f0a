"""The reader of the real Criteo format on small files, and the twin's statistics."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from criteo_text import WHOLE, line

from rmixer.data.criteo_kaggle import CARDINALITIES, COLUMNS, ROWS
from rmixer.data.prepare import open_dataset, prepare
from rmixer.errors import InputError

LINES = [
    line(1, {1: 20, 2: -3, 5: 64_000}, {1: "68fd1e64", 26: "ffffffff"}),
    line(0, {2: 600, 13: 25}, {1: "68FD1E64", 2: "68fd1e64"}),
    line(0, {}, {}),
    WHOLE,
]


def write(folder: Path, text: str, compress: bool = False) -> Path:
    path = folder / ("train.txt.gz" if compress else "train.txt")
    path.write_bytes(gzip.compress(text.encode()) if compress else text.encode())
    return path


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_real_file(tmp_path: Path, compress: bool, end: str) -> None:
    write(tmp_path, end.join(LINES) + end, compress)
    arrays = open_dataset("criteo_kaggle", str(tmp_path))
    dense, ids = arrays.values["dense"], arrays.values["ids"]
    assert arrays.values["label"].tolist() == [1, 0, 0, 0]
    assert (arrays.train_rows, arrays.rows) == (3, 4)
    assert dense[0].tolist() == [1.0, 0.0, 0, 0, 1.0] + [0.0] * 8, "(v - min) / span"
    assert dense[1].tolist() == [0.0, 1.0] + [0.0] * 10 + [0.5]
    assert dense[2].tolist() == [0.0] * 13, "missing is 0, also where the least is -3"
    assert ids[0, 0] == ids[1, 0], "the case of hexadecimal digits does not matter"
    assert ids[1, 1] != ids[1, 0], "one value in two fields has two rows"
    assert len(set(ids[2].tolist())) == 26, "missing is a value of its own in every field"
    assert ids[2, 0] != ids[0, 0]


def test_a_byte_order_mark_and_long_numbers(tmp_path: Path) -> None:
    lines = [
        line(1, {1: 123_456_789_012_345_678, 2: -123_456_789}, {}),
        line(0, {3: -1}, {}),
        WHOLE,
    ]
    (tmp_path / "train.txt").write_bytes(b"\xef\xbb\xbf" + "\n".join(lines).encode())
    arrays = open_dataset("criteo_kaggle", str(tmp_path))
    dense = arrays.values["dense"]
    assert arrays.values["label"].tolist() == [1, 0, 0]
    assert dense[0, 0] == np.float32(123_456_789_012_345_678 / 20)
    assert dense[0, 1] == np.float32((-123_456_789 + 3) / 603)
    assert dense[1, 2] == np.float32(-0.01), "a value of -1 is not a missing one"


def test_the_hash_is_fixed(tmp_path: Path) -> None:
    """SplitMix64 of (field << 33 | missing << 32 | value), by Python's own integers."""
    write(tmp_path, "\n".join(LINES))
    ids = open_dataset("criteo_kaggle", str(tmp_path)).values["ids"]

    def expected(key: int) -> int:
        mask = (1 << 64) - 1
        word = (key + 0x9E3779B97F4A7C15) & mask
        word = ((word ^ word >> 30) * 0xBF58476D1CE4E5B9) & mask
        word = ((word ^ word >> 27) * 0x94D049BB133111EB) & mask
        return (word ^ word >> 31) % ROWS

    assert ids[0, 0] == expected(1 << 33 | 0x68FD1E64)
    assert ids[0, 25] == expected(26 << 33 | 0xFFFFFFFF)
    assert ids[2, 4] == expected(5 << 33 | 1 << 32)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (LINES[0].rpartition("\t")[0], "39 fields instead of 40"),
        (LINES[0] + "\t", "41 fields instead of 40"),
        ("", "1 fields instead of 40"),
        (LINES[0].replace("1\t20", "2\t20"), "the label is '2', not 0 or 1"),
        (LINES[0].replace("-3", "3.5"), "I2 is '3.5', not an integer"),
        (LINES[0].replace("-3", "\N{ARABIC-INDIC DIGIT THREE}"), "I2 is"),
        (LINES[0].replace("68fd1e64", "68fd1e6"), "C1 is '68fd1e6', not 8 hexadecimal digits"),
        (LINES[0].replace("68fd1e64", "0x68fd1e"), "C1 is '0x68fd1e'"),
        (LINES[0].replace("ffffffff", "fffffffß"), "C26 is 'fffffff"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, bad: str, why: str) -> None:
    path = write(tmp_path, "\n".join([*LINES, bad, LINES[0]]))
    with pytest.raises(InputError, match=why) as caught:
        prepare("criteo_kaggle", str(path))
    assert (caught.value.where, caught.value.key) == (str(path), "line 5")


def test_a_truncated_gzip_file_is_an_input_error_and_leaves_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, "\n".join(LINES * 50), compress=True)
    path.write_bytes(path.read_bytes()[:-20])
    for _ in range(2):
        with pytest.raises(InputError, match="a whole gzip file"):
            prepare("criteo_kaggle", str(path))


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"train\.txt"):
        prepare("criteo_kaggle", str(tmp_path))
    with pytest.raises(InputError, match="no such file"):
        prepare("criteo_kaggle", str(tmp_path / "nowhere"))


def test_changed_raw_files_are_read_again(tmp_path: Path) -> None:
    path = write(tmp_path, "\n".join(LINES))
    first = prepare("criteo_kaggle", str(path))
    assert prepare("criteo_kaggle", str(path)) == first
    write(tmp_path, "\n".join([*LINES, *LINES]))
    assert prepare("criteo_kaggle", str(path)) != first


def test_the_twin_looks_like_the_real_data() -> None:
    arrays = open_dataset("criteo_kaggle", "synthetic")
    ids, labels = arrays.values["ids"], arrays.values["label"]
    assert arrays.rows >= 200_000
    assert set(arrays.values) == set(COLUMNS)
    assert abs(labels.mean() - 0.256) < 0.005
    assert ids.max() < ROWS
    for field, cardinality in enumerate(CARDINALITIES):
        counts = np.sort(np.bincount(ids[:, field]))[::-1]
        counts = counts[counts > 0]
        assert len(counts) <= cardinality
        if cardinality < 100:
            assert len(counts) == cardinality, f"C{field + 1} shows all its values"
        # Zipf with exponent 1.1: the commonest value's share is 1 / Σ k ** -1.1.
        share = 1.0 / (np.arange(1, cardinality + 1) ** -1.1).sum()
        assert abs(counts[0] / len(ids) - share) < 0.01
    assert len(np.unique(ids[:, 2])) > 50_000, "a field of ten million values has a long tail"
    dense = arrays.values["dense"]
    assert (dense[:, 1:] == 0.0).mean(axis=0).min() > 0.1, "missing values"
    assert dense[:, 1].min() >= 0.0
