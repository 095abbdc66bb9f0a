"""Criteo Display Advertising Challenge (Kaggle 2014): a click log of 45,840,617 rows.

The raw file is ``train.txt``, in the format of :mod:`rmixer.data.criteo_lines`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rmixer.data.arrays import Chunks, Column
from rmixer.data.criteo_lines import criteo_lines
from rmixer.data.dataset import DataSet, Lines, Parsed, RawReader
from rmixer.data.hashing import mix64
from rmixer.data.planted import PlantedTruth, scattered, zipf_fields
from rmixer.data.raw_lines import first_file
from rmixer.data.rows_used import RowsUsed
from rmixer.errors import InputError

ROWS = 1_000_001
"""Rows of the one table that all fields share."""

CARDINALITIES = (
    *(1460, 583, 10_131_227, 2_202_608, 305, 24, 12_517, 633, 3, 93_145, 5683, 8_351_593, 3194),
    *(27, 14_992, 5_461_306, 10, 5652, 2173, 4, 7_046_547, 18, 15, 286_181, 105, 142_572),
)
"""Distinct values of C1 to C26 in the real file, a missing one counted as a value."""

DENSE_LEAST = np.array([0, -3, *[0] * 11])
DENSE_SPAN = np.array([20, 603, 100, 50, 64_000, 500, 100, 50, 500, 10, 10, 10, 50])
POSITIVE_RATE = 0.256
KNOWN_ROWS = 45_840_617

COLUMNS = {
    "dense": Column("float32", "float32", 13),
    "ids": Column("int32", "int64", 26, ROWS),
    "label": Column("uint8", "float32"),
}

_TWIN_SAMPLES = 220_000
_TWIN_HELD_OUT = 20_000
_TWIN_EXPONENT = 1.1


def field_ids(values: NDArray[np.uint32], missing: NDArray[np.bool_]) -> NDArray[np.int32]:
    """The reader's hash: row of the shared table for each value, shapes [n, 26].

    A fixed mix of (field number, value), modulo the rows; a missing value is a value like others.
    Values of one field or of two collide at random.
    """
    field = np.arange(1, 27, dtype=np.uint64) << np.uint64(33)
    keys: NDArray[np.uint64] = field | values.astype(np.uint64)
    keys |= missing.astype(np.uint64) << np.uint64(32)
    return np.asarray(mix64(keys) % np.uint64(ROWS), dtype=np.int32)


def scale_dense(values: NDArray[np.int64], missing: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Integers, shape [n, 13], less their least and divided by their span; 0 where missing."""
    scaled = (values - DENSE_LEAST) / DENSE_SPAN
    return np.where(missing, 0.0, scaled).astype(np.float32)


OFTEN_MISSING = frozenset(("I12", "C22"))
"""Three quarters of the lines of the public file lack each of these."""


class CriteoKaggle(DataSet):
    """13 integers scaled to about 0..1, 26 fields hashed into one table, and the click."""

    columns = COLUMNS
    often_missing = OFTEN_MISSING

    def twin(self) -> Chunks:
        return _twin()

    def raw_files(self, data: Path) -> tuple[Path, ...]:
        """``data`` itself, or ``train.txt`` or ``train.txt.gz`` in it."""
        return kaggle_file(data)

    def read(self, raw: RawReader) -> Chunks:
        """Reads the raw file, plain or gzip; the last tenth of its rows, in time order, is held
        out."""
        rows = 0
        used = [RowsUsed(ROWS) for _ in CARDINALITIES]
        for columns in raw.blocks(raw.files[0], parse_lines):
            rows += len(columns["label"])
            for field, table in enumerate(used):
                table.add(columns["ids"][:, field])
            yield columns
        raw.count("rows", rows, KNOWN_ROWS)
        for field, (table, known) in enumerate(zip(used, CARDINALITIES, strict=True), 1):
            raw.count(f"C{field} values", table.values(), known, about=True)
        return rows - max(1, rows // 10)


def kaggle_file(data: Path) -> tuple[Path, ...]:
    """``data`` itself, or ``train.txt`` or ``train.txt.gz`` in it."""
    if data.is_dir():
        return (first_file(data, ("train.txt", "train.txt.gz")),)
    if data.is_file():
        return (data,)
    raise InputError(data, "", "no such file", "train.txt or train.txt.gz, or its folder")


def parse_lines(lines: Lines) -> Parsed:
    """Lines of the raw file as columns."""
    read = criteo_lines(lines)
    columns: dict[str, NDArray[np.generic]] = {
        "dense": scale_dense(read.dense, read.no_dense),
        "ids": field_ids(read.values.astype(np.uint32), read.no_value),
        "label": read.label,
    }
    return Parsed(columns, read.malformed, read.missing)


_TWIN_DENSE_MEDIAN = 0.2
_TWIN_DENSE_SPREAD = 1.2
_TWIN_DENSE_MISSING = 0.15
_TWIN_DENSE_WEIGHT = 0.6
_TWIN_FIELD_WEIGHT = 0.45
_TWIN_PAIR_WEIGHT = 0.6
_TWIN_PAIRS = ((6, 9), (14, 20), (17, 23), (5, 22))


def _twin() -> Chunks:
    """Synthetic rows at the real cardinalities, the same at every call.

    Each field draws a rank by a Zipf law (exponent 1.1, an assumption: the real exponents are not
    published), turns it into a 32-bit value by a bijection and passes the reader's hash, so ids
    collide as in reality. Dense values are log-normal counts, about 15% missing.

    Planted truth: logit = bias + Σ fields 0.45 effect(field, value) + Σ dense ±0.6 log(1 + x)
    + Σ four pairs 0.6 effect(a) effect(b), with effects fixed by a hash, of mean 0 and variance
    1; the bias makes 25.6% of the labels positive.
    """
    rng = np.random.default_rng(20140623)
    samples = _TWIN_SAMPLES
    values = scattered(zipf_fields(CARDINALITIES, _TWIN_EXPONENT, rng, samples))
    spread = np.exp(_TWIN_DENSE_SPREAD * rng.standard_normal((samples, 13)))
    counts = np.floor(spread * _TWIN_DENSE_MEDIAN * DENSE_SPAN).astype(np.int64) + DENSE_LEAST
    dense = scale_dense(counts, rng.random((samples, 13)) < _TWIN_DENSE_MISSING)
    signs = np.where(np.arange(13) % 2 == 0, 1.0, -1.0)
    truth = PlantedTruth(samples)
    truth.add_fields(values, _TWIN_FIELD_WEIGHT)
    truth.add(_TWIN_DENSE_WEIGHT * (np.log1p(np.maximum(dense, 0.0)) * signs).sum(axis=1))
    truth.add_pairs(values, _TWIN_PAIRS, _TWIN_PAIR_WEIGHT)
    labels = truth.labels(POSITIVE_RATE, rng)
    ids = field_ids(values, np.zeros(values.shape, dtype=bool))
    yield {"dense": dense, "ids": ids, "label": labels}
    return samples - _TWIN_HELD_OUT
