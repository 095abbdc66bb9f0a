"""Data sets of lines ``number,number``, for the tests of how raw files are read."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmixer.data.arrays import Chunks, Column
from rmixer.data.dataset import DataSet, Lines, Parsed, RawReader
from rmixer.data.registry import DataSetEntry
from rmixer.errors import InputError

PARSED = "RMIXER_TEST_PARSED"
"""The environment's name of a file that gets a line for each block that is parsed."""
KILL_AT = "RMIXER_TEST_KILL_AT"
"""The process that reads ends by SIGKILL when it comes to this block."""


def parse(lines: Lines, pause_s: float = 0.0) -> Parsed:
    """Two numbers from each line."""
    time.sleep(pause_s)
    if PARSED in os.environ:
        with Path(os.environ[PARSED]).open("ab") as file:
            file.write(lines[0] + b"\n")
    cells = [line.split(b",") for line in lines]
    bad = [place for place, row in enumerate(cells) if len(row) != 2 or not row[0].isdigit()]
    good = [[int(cell) for cell in row] for place, row in enumerate(cells) if place not in bad]
    values = np.array(good, dtype=np.int32).reshape(-1, 2)
    columns: dict[str, NDArray[Any]] = {
        "value": values[:, 0],
        "label": values[:, 1].astype(np.uint8),
    }
    return Parsed(columns, tuple((place, f"{cells[place]!r}") for place in bad))


class Numbers(DataSet):
    """The numbers as they are; with ``doubled`` twice them, in chunks of its own."""

    columns = {"value": Column("int32", "int64"), "label": Column("uint8", "float32")}  # noqa: RUF012

    def __init__(self, doubled: bool = False, pause_s: float = 0.0, header: bool = False) -> None:
        self._doubled, self._pause_s, self._header = doubled, pause_s, header

    def twin(self) -> Chunks:
        yield {"value": np.arange(3), "label": np.array([0, 1, 1])}
        return 2

    def raw_files(self, data: Path) -> tuple[Path, ...]:
        if not data.is_file():
            raise InputError(data, "", "no such file", "a file of numbers")
        return (data,)

    def read(self, raw: RawReader) -> Chunks:
        rows = 0
        parser = partial(parse, pause_s=self._pause_s)
        for index, columns in enumerate(raw.blocks(raw.files[0], parser, self._header)):
            if str(index) == os.environ.get(KILL_AT):
                os.kill(os.getpid(), signal.SIGKILL)
            rows += len(columns["value"])
            yield {**columns, "value": 2 * columns["value"]} if self._doubled else columns
        raw.count("rows", rows, known=100)
        return rows - 1


def numbers(name: str = "numbers", **settings: bool | float) -> DataSetEntry:
    """An entry for the registry."""
    reader = "numbers_data:Numbers"
    return DataSetEntry(name, "Numbers", reader, "nowhere", settings=dict(settings))


def write_numbers(path: Path, count: int) -> None:
    """``count`` lines, of different lengths."""
    lines = (f"{number * number % 1_000_003},{number % 2}\n" for number in range(count))
    path.write_text("".join(lines), encoding="utf-8")
