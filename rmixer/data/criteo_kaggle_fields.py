"""Criteo Display Advertising Challenge (Kaggle 2014) with one table for each field.

The shape of facebookresearch/dlrm's Kaggle benchmark; raw files as in
:mod:`rmixer.data.criteo_kaggle`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rmixer.data.criteo_kaggle import (
    CARDINALITIES,
    KNOWN_ROWS,
    OFTEN_MISSING,
    POSITIVE_RATE,
    kaggle_file,
)
from rmixer.data.criteo_tables import CriteoTables
from rmixer.data.dataset import RawReader


class CriteoKaggleFields(CriteoTables):
    """26 tables of the real file's cardinalities, 33,762,577 rows in all."""

    often_missing = OFTEN_MISSING

    def __init__(self) -> None:
        super().__init__(CARDINALITIES, None, CARDINALITIES, KNOWN_ROWS, POSITIVE_RATE)

    def raw_files(self, data: Path) -> tuple[Path, ...]:
        """``data`` itself, or ``train.txt`` or ``train.txt.gz`` in it."""
        return kaggle_file(data)

    def train_rows(self, raw: RawReader, rows_of_files: Sequence[int]) -> int:
        """The last tenth, in time order, is held out."""
        return sum(rows_of_files) - max(1, sum(rows_of_files) // 10)
