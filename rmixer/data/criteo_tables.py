"""Criteo's click logs with a table for each field, the shape of dlrm's and MLPerf's benchmarks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from rmixer.data.arrays import Chunks, Column
from rmixer.data.criteo_lines import DENSE, FIELDS, criteo_lines, log_dense
from rmixer.data.dataset import DataSet, Lines, Parsed, RawReader
from rmixer.data.field_rows import (
    Dictionaries,
    Ids,
    appearing,
    has_dictionary,
    hashed_rows,
    rows_of,
    used_rows,
)
from rmixer.data.hashing import mix64
from rmixer.data.planted import PlantedTruth, scattered, zipf_fields

_NAMES = tuple(f"C{field}" for field in range(1, FIELDS + 1))
_TWIN_SAMPLES = 120_000
_TWIN_HELD_OUT = 10_000
_TWIN_EXPONENT = 1.1
_TWIN_DENSE_SPREAD = 1.2
_TWIN_DENSE_MISSING = 0.15
_TWIN_DENSE_WEIGHT = 0.4
_TWIN_FIELD_WEIGHT = 0.45
_TWIN_PAIR_WEIGHT = 0.6
_TWIN_PAIRS = ((6, 9), (14, 20), (17, 23), (5, 22))
_TWIN_DENSE_MEDIANS = np.array([4, 20, 10, 8, 2000, 60, 5, 8, 60, 1, 2, 1, 6])


class CriteoTables(DataSet):
    """13 logarithms, the ids of 26 fields (several of a field with ``multi_hot``), the click."""

    def __init__(
        self,
        rows: Sequence[int],
        multi_hot: Sequence[int] | None,
        cardinalities: Sequence[int],
        known_rows: int,
        positive_rate: float,
    ) -> None:
        self._rows, self._sizes = tuple(rows), tuple(multi_hot or [1] * FIELDS)
        self._cardinalities, self._known_rows = cardinalities, known_rows
        self._positive_rate = positive_rate
        id_rows = [
            count for count, size in zip(rows, self._sizes, strict=True) for _ in range(size)
        ]
        self.columns = {
            "dense": Column("float32", "float32", DENSE),
            "ids": Column("int32", "int64", len(id_rows), tuple(id_rows)),
            "label": Column("uint8", "float32"),
        }

    @abstractmethod
    def train_rows(self, raw: RawReader, rows_of_files: Sequence[int]) -> int:
        """The number of rows for training, given the rows of each raw file."""

    def read(self, raw: RawReader) -> Chunks:
        """Reads the raw files twice: first for the dictionaries of fields with at most 300,000
        rows, then for the samples."""
        dictionaries = Dictionaries(self._rows)
        for path in raw.files:
            for appeared in raw.blocks(path, partial(parse_values, rows=self._rows)):
                dictionaries.add(appeared)
        saved = str(dictionaries.save(raw.scratch("dictionaries")))
        parse = partial(parse_samples, rows=self._rows, sizes=self._sizes, dictionaries=saved)
        firsts = [
            end - size for end, size in zip(accumulate(self._sizes), self._sizes, strict=True)
        ]
        used = used_rows(self._rows)
        rows_of_files = [0] * len(raw.files)
        for place, path in enumerate(raw.files):
            for columns in raw.blocks(path, parse):
                rows_of_files[place] += len(columns["label"])
                for field, table in used.items():
                    table.add(columns["ids"][:, firsts[field]])
                yield columns
        raw.count("rows", sum(rows_of_files), self._known_rows)
        dictionaries.report(raw, used, _NAMES, self._cardinalities)
        return self.train_rows(raw, rows_of_files)

    def twin(self) -> Chunks:
        """Synthetic rows at the real number of rows of each table, the same at every call.

        Each field draws a rank by a Zipf law (exponent 1.1, an assumption: the real exponents
        are not published). In a dictionary the commonest values come first, so their rank is
        their row; the ranks of other fields become 32-bit values by a bijection and pass the
        reader's hash. The integers are log-normal counts, about 15% missing.

        Planted truth: logit = bias + Σ fields 0.45 effect(field, value) + Σ dense ±0.4 log(1 + x)
        + Σ four pairs 0.6 effect(a) effect(b), with effects fixed by a hash, of mean 0 and
        variance 1; the bias gives the real rate of clicks.
        """
        rng = np.random.default_rng(20140624)
        samples = _TWIN_SAMPLES
        ranks = zipf_fields(self._rows, _TWIN_EXPONENT, rng, samples)
        values = scattered(ranks)
        ids = ranks.astype(np.int32) - 1
        for field, rows in enumerate(self._rows):
            if not has_dictionary(rows):
                ids[:, field] = hashed_rows(values[:, field], field, rows)
        spread = np.exp(_TWIN_DENSE_SPREAD * rng.standard_normal((samples, DENSE)))
        counts = np.floor(spread * _TWIN_DENSE_MEDIANS)
        counts[rng.random((samples, DENSE)) < _TWIN_DENSE_MISSING] = 0.0
        dense = np.log1p(counts).astype(np.float32)
        truth = PlantedTruth(samples)
        truth.add_fields(values, _TWIN_FIELD_WEIGHT)
        signs = np.where(np.arange(DENSE) % 2 == 0, 1.0, -1.0)
        truth.add(_TWIN_DENSE_WEIGHT * (dense * signs).sum(axis=1))
        truth.add_pairs(values, _TWIN_PAIRS, _TWIN_PAIR_WEIGHT)
        labels = truth.labels(self._positive_rate, rng)
        yield {"dense": dense, "ids": expanded(ids, self._rows, self._sizes), "label": labels}
        return samples - _TWIN_HELD_OUT


def parse_values(lines: Lines, rows: tuple[int, ...]) -> Parsed:
    """The values that the fields with a dictionary have in these lines."""
    read = criteo_lines(lines)
    return Parsed(appearing(read.keys, rows), read.malformed, read.missing)


def parse_samples(
    lines: Lines, rows: tuple[int, ...], sizes: tuple[int, ...], dictionaries: str
) -> Parsed:
    """Lines of a raw file as columns."""
    read = criteo_lines(lines)
    ids = expanded(rows_of(read.keys, rows, dictionaries), rows, sizes)
    columns: dict[str, NDArray[np.generic]] = {
        "dense": log_dense(read),
        "ids": ids,
        "label": read.label,
    }
    return Parsed(columns, read.malformed, read.missing)


def expanded(ids: Ids, rows: Sequence[int], sizes: Sequence[int]) -> Ids:
    """``ids``, shape [n, fields], with ``sizes`` ids of each field: the first is the real one,
    the others follow from it by a fixed hash, as in MLPerf's synthetic multi-hot set."""
    if max(sizes) == 1:
        return ids
    many = np.empty((len(ids), sum(sizes)), dtype=np.int32)
    place = 0
    for field, (count, size) in enumerate(zip(rows, sizes, strict=True)):
        many[:, place] = ids[:, field]
        slots = np.arange(1, size, dtype=np.uint64) << np.uint64(40)
        key = np.uint64((field + 1) << 32) | ids[:, field].astype(np.uint64)
        many[:, place + 1 : place + size] = mix64(key[:, None] | slots) % np.uint64(count)
        place += size
    return many
