"""Criteo 1TB Click Logs: 24 days of 4,373,472,329 rows, in the format of the Kaggle file.

Fields C1 to C26 and their hashes differ from those of the Kaggle file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rmixer.data.criteo_tables import CriteoTables
from rmixer.data.dataset import RawReader
from rmixer.errors import InputError

DAYS = 24
KNOWN_ROWS = 4_373_472_329
POSITIVE_RATE = 0.033
"""An estimate: the share of clicks is not in the public description."""

CARDINALITIES = (
    *(227_605_432, 39_060, 17_295, 7424, 20_265, 3, 7122, 1543, 63, 130_229_467, 3_067_956),
    *(405_282, 10, 2209, 11_938, 155, 4, 976, 14, 292_775_614, 40_790_948, 187_188_510),
    *(590_152, 12_973, 108, 36),
)
"""Distinct values of C1 to C26 in all days, a missing one counted as a value."""


class CriteoTerabyte(CriteoTables):
    """26 tables of ``rows`` rows; with ``multi_hot`` so many ids of each field."""

    def __init__(self, rows: Sequence[int], multi_hot: Sequence[int] | None = None) -> None:
        super().__init__(rows, multi_hot, CARDINALITIES, KNOWN_ROWS, POSITIVE_RATE)

    def raw_files(self, data: Path) -> tuple[Path, ...]:
        """The files ``day_0`` to ``day_23``, plain or with ``.gz``, that are in the folder."""
        names = ((f"day_{day}", f"day_{day}.gz") for day in range(DAYS))
        found = [[data / name for name in both if (data / name).is_file()][:1] for both in names]
        files = tuple(path for paths in found for path in paths)
        if not files:
            raise InputError(
                data, "", "no file day_0", "a folder with day_0 … day_23 or day_0.gz …"
            )
        return files

    def train_rows(self, raw: RawReader, rows_of_files: Sequence[int]) -> int:
        """Day 23 is held out; if it is missing or alone, the last tenth."""
        last = raw.files[-1].name.removesuffix(".gz")
        if last == f"day_{DAYS - 1}" and len(rows_of_files) > 1:
            return sum(rows_of_files[:-1])
        return sum(rows_of_files) - max(1, sum(rows_of_files) // 10)
