"""Columns written in chunks and mapped back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from rmixer.data.array_writer import ArrayWriter, each_chunk
from rmixer.data.arrays import Chunks, Column, read_arrays
from rmixer.errors import InputError

COLUMNS = {
    "ids": Column("int32", "int64", 2, id_rows=10),
    "label": Column("uint8", "float32"),
}


def chunks(ids: list[list[list[int]]], train: int) -> Chunks:
    for part in ids:
        yield {"ids": np.array(part), "label": np.arange(len(part)) % 2}
    return train


def write_arrays(folder: Path, columns: Mapping[str, Column], chunks: Chunks, where: str) -> None:
    with ArrayWriter(folder, columns, where) as writer:
        writer.finish(each_chunk(chunks, writer.append))


def test_chunks_come_back_as_one_array_per_column(tmp_path: Path) -> None:
    write_arrays(tmp_path, COLUMNS, chunks([[[1, 2], [3, 4]], [[9, 0]]], train=2), "here")
    arrays = read_arrays(tmp_path, COLUMNS)
    np.testing.assert_array_equal(arrays.values["ids"], [[1, 2], [3, 4], [9, 0]])
    np.testing.assert_array_equal(arrays.values["label"], [0, 1, 0])
    assert arrays.values["ids"].dtype == np.int32
    assert (arrays.train_rows, arrays.rows) == (2, 3)
    # An independent reader: the files are ordinary .npy files.
    np.testing.assert_array_equal(np.load(tmp_path / "ids.npy"), arrays.values["ids"])


@pytest.mark.parametrize("bad", [-1, 10])
def test_an_id_outside_its_table_is_refused(tmp_path: Path, bad: int) -> None:
    with pytest.raises(InputError, match=r"here: ids: found ids .* allowed: 0 to 9"):
        write_arrays(tmp_path, COLUMNS, chunks([[[1, 2], [3, bad]]], train=1), "here")


@pytest.mark.parametrize("train", [0, 2])
def test_both_parts_need_a_sample(tmp_path: Path, train: int) -> None:
    with pytest.raises(InputError, match="at least one of each"):
        write_arrays(tmp_path, COLUMNS, chunks([[[1, 2], [3, 4]]], train), "here")
