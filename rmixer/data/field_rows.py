"""Turns values of categorical fields into rows of a table for each field.

Fields of few values have a dictionary, in order of appearance in the raw files. Fields of many
values are hashed, so that memory does not grow with the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rmixer.data.dataset import RawReader
from rmixer.data.hashing import mix64
from rmixer.data.rows_used import RowsUsed

if TYPE_CHECKING:
    import pandas as pd

MOST_IN_A_DICTIONARY = 300_000
"""Fields of more rows are hashed."""

_COUNTED_BEYOND = 100_000
"""Values beyond a field's rows that are still counted, for the report."""

Keys = NDArray[np.int64]
Ids = NDArray[np.int32]


def has_dictionary(rows: int) -> bool:
    """True if a field of ``rows`` rows has a dictionary."""
    return rows <= MOST_IN_A_DICTIONARY


def appearing(keys: Keys, rows: Sequence[int]) -> dict[str, NDArray[Any]]:
    """For each field with a dictionary its different ``keys``, shape [n, fields], in order of
    appearance."""
    import pandas as pd

    return {
        str(field): pd.unique(np.ascontiguousarray(keys[:, field]))
        for field, count in enumerate(rows)
        if has_dictionary(count)
    }


class Dictionaries:
    """The numbers of the values of each field of at most ``MOST_IN_A_DICTIONARY`` rows."""

    def __init__(self, rows: Sequence[int]) -> None:
        self._rows = rows
        self._numbers: dict[int, dict[int, None]] = {
            field: {} for field, count in enumerate(rows) if has_dictionary(count)
        }

    def add(self, appeared: Mapping[str, NDArray[Any]]) -> None:
        """Adds the result of :func:`appearing` for the next block."""
        for field, known in self._numbers.items():
            if len(known) < self._rows[field] + _COUNTED_BEYOND:
                known.update(dict.fromkeys(appeared[str(field)].tolist()))

    def save(self, folder: Path) -> Path:
        """Saves them for :func:`rows_of` as a file whose name is a hash of its content."""
        arrays = {
            str(field): np.fromiter(known, dtype=np.int64, count=len(known))[: self._rows[field]]
            for field, known in self._numbers.items()
        }
        digest = hashlib.blake2b(digest_size=8)
        for name, values in arrays.items():
            digest.update(name.encode() + b"\0" + values.tobytes())
        path = folder / f"{digest.hexdigest()}.npz"
        np.savez(path, **arrays)  # type: ignore[arg-type]
        return path

    def report(
        self,
        raw: RawReader,
        used: Mapping[int, RowsUsed],
        names: Sequence[str],
        known: Sequence[int],
    ) -> None:
        """Reports the number of values of each field (hashed ones by their ``used`` rows) and of
        those that share a row."""
        for field, rows in enumerate(self._rows):
            name = f"{names[field]} values"
            if field in used:
                raw.count(name, used[field].values(), known[field], about=True)
                continue
            beyond = len(self._numbers[field]) - rows
            raw.count(name, rows + beyond, known[field], about=beyond >= _COUNTED_BEYOND)
            if beyond > 0:
                raw.count(f"{name} without a row", beyond, about=beyond >= _COUNTED_BEYOND)


def rows_of(keys: Keys, rows: Sequence[int], dictionaries: str) -> Ids:
    """The row of each of ``keys``, shape [n, fields], from the file that :meth:`Dictionaries.save`
    wrote; values that are not in it are hashed."""
    indices = _load(dictionaries)
    ids = np.empty(keys.shape, dtype=np.int32)
    for field, count in enumerate(rows):
        column = np.ascontiguousarray(keys[:, field])
        index = indices.get(str(field))
        if index is None:
            ids[:, field] = hashed_rows(column, field, count)
            continue
        found = index.get_indexer(column)
        beyond = found < 0
        if beyond.any():
            found[beyond] = hashed_rows(column[beyond], field, count)
        ids[:, field] = found
    return ids


def used_rows(rows: Sequence[int]) -> dict[int, RowsUsed]:
    """A count of the rows used for each field that is hashed."""
    return {field: RowsUsed(count) for field, count in enumerate(rows) if not has_dictionary(count)}


def hashed_rows(keys: NDArray[np.integer], field: int, rows: int) -> Ids:
    """A fixed mix of (``field`` from 0, key), modulo ``rows``."""
    mixed = mix64(np.uint64((field + 1) << 33) ^ keys.astype(np.uint64))
    return np.asarray(mixed % np.uint64(rows), dtype=np.int32)


@lru_cache(maxsize=2)
def _load(dictionaries: str) -> dict[str, pd.Index]:
    import pandas as pd

    with np.load(dictionaries) as arrays:
        return {name: pd.Index(arrays[name]) for name in arrays.files}
