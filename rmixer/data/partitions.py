"""Records in files on disk, one for each part, so that one part at a time is in memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BUFFER_BYTES = 1 << 16


class Partitions:
    """``parts`` files in ``folder`` of records of type ``record`` (a structured dtype).

    Used by ``with``: inside, records are added; after it, :meth:`take` reads them. Records of
    one part stay in the order in which they were added.
    """

    def __init__(self, folder: Path, parts: int, record: np.dtype[Any]) -> None:
        self.parts = parts
        self._paths = [folder / f"part-{part}" for part in range(parts)]
        self._record = record

    def __enter__(self) -> Partitions:
        self._files = [path.open("wb", buffering=_BUFFER_BYTES) for path in self._paths]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for file in self._files:
            file.close()

    def add(self, part: NDArray[np.integer], columns: Mapping[str, NDArray[Any]]) -> None:
        """Adds records made of ``columns`` (those that the record has), each to its ``part``,
        [n]."""
        order = np.argsort(part, kind="stable")
        records = np.empty(len(part), dtype=self._record)
        for name in self._record.names or ():
            records[name] = columns[name][order]
        ends = np.cumsum(np.bincount(part, minlength=self.parts))
        for file, start, end in zip(self._files, [0, *ends[:-1]], ends, strict=True):
            if end > start:
                file.write(records[start:end].tobytes())

    def take(self, part: int) -> NDArray[Any]:
        """The records of ``part``, which are removed from the disk."""
        records = np.fromfile(self._paths[part], dtype=self._record)
        self._paths[part].unlink()
        return records
