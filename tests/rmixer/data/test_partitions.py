"""Records grouped on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rmixer.data.partitions import Partitions

RECORD = np.dtype([("number", "i4"), ("pair", "u1", (2,))])


def test_a_part_has_its_records_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    with Partitions(tmp_path, 4, RECORD) as partitions:
        for first in (0, 10, 20):
            number = np.arange(first, first + 10)
            columns = {"number": number, "pair": np.stack([number, number + 1], axis=1)}
            partitions.add(number % 3, columns | {"other": number})
        partitions.add(
            np.zeros(0, dtype=np.int64), {"number": number[:0], "pair": columns["pair"][:0]}
        )
    for part in range(3):
        records = partitions.take(part)
        assert records["number"].tolist() == list(range(part, 30, 3))
        assert records["pair"][:, 1].tolist() == list(range(part + 1, 31, 3))
    assert len(partitions.take(3)) == 0
    assert list(tmp_path.iterdir()) == [], "what was taken leaves the disk"
