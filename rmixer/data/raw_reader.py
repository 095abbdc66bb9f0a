"""Reads raw files for a data set, block after block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from rmixer.data.dataset import Lines, Parsed, ParsedColumns
from rmixer.data.raw_lines import raw_lines
from rmixer.errors import InputError

_BLOCK_LINES = 50_000


class SequentialReader:
    """A :class:`rmixer.data.dataset.RawReader` in this process that refuses the first malformed
    line."""

    def __init__(self, data: Path, files: tuple[Path, ...], folder: Path) -> None:
        self.data, self.files, self._folder = data, files, folder

    def header(self, path: Path) -> bytes:
        for _, line in raw_lines(path):
            return line
        raise InputError(path, "", "an empty file", "a header and lines")

    def blocks(
        self, path: Path, parse: Callable[[Lines], Parsed], header: bool = False
    ) -> Iterator[ParsedColumns]:
        numbered = islice(raw_lines(path), int(header), None)
        while block := list(islice(numbered, _BLOCK_LINES)):
            parsed = parse([line for _, line in block])
            for place, what in parsed.malformed[:1]:
                raise InputError(path, f"line {block[place][0]}", what, "a well-formed line")
            yield parsed.columns

    def scratch(self, name: str) -> Path:
        folder = self._folder / f"scratch-{name}"
        folder.mkdir()
        return folder

    def count(self, name: str, found: int, known: int | None = None) -> None:
        pass
