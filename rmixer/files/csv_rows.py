"""Reads a CSV file row by row, with messages that name the line."""

from __future__ import annotations

import csv
import gzip
import io
import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rmixer.errors import InputError, choice
from rmixer.files.typed_files import read_text, shown


@dataclass(frozen=True)
class CsvRow:
    """One row by column; ``line`` counts from 1, the header's line."""

    path: Path
    line: int
    cells: dict[str, str]

    def number(self, column: str, least: float = -math.inf) -> float:
        """The finite number in ``column``; raises :class:`InputError` below ``least``."""
        try:
            value = float(self.cells[column])
        except ValueError:
            value = math.nan
        if math.isfinite(value) and value >= least:
            return value
        raise self.wrong(column, "a finite number" + _at_least(least))

    def whole(self, column: str, least: float = -math.inf) -> int:
        """The whole number in ``column``; raises :class:`InputError` below ``least``."""
        allowed = "a whole number" + _at_least(least)
        try:
            value = int(self.cells[column])
        except ValueError:
            raise self.wrong(column, allowed) from None
        if value < least:
            raise self.wrong(column, allowed)
        return value

    def one_of(self, column: str, names: Sequence[str]) -> str:
        """The text in ``column``; raises :class:`InputError` unless it is one of ``names``."""
        if self.cells[column] not in names:
            raise self.wrong(column, f"one of {', '.join(names)}")
        return self.cells[column]

    def wrong(self, column: str, allowed: str) -> InputError:
        """The error about the value in ``column``."""
        found = repr(self.cells[column])
        return InputError(self.path, f"line {self.line}, {column}", found, allowed)


def table_text(path: Path, what: str) -> str:
    """The text of ``path`` or, if there is no such file, of the gzip file ``<path>.gz``. Raises
    :class:`InputError` if it cannot be read."""
    packed = path.with_name(f"{path.name}.gz")
    if path.exists() or not packed.exists():
        return read_text(path, what)
    try:
        return gzip.decompress(packed.read_bytes()).decode()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise InputError(packed, "", f"a damaged gzip file ({error})", f"a {what}") from None


def read_rows(path: Path, what: str, columns: Sequence[str]) -> Iterator[CsvRow]:
    """Yields the rows of a CSV file that has ``columns``; raises :class:`InputError` if it is
    truncated, lacks a column, has one twice or is not CSV."""
    lines = _lines(path, what)
    header = _header(path, lines, columns)
    for line, values in lines:
        yield _row(path, line, header, values)


def read_table(
    path: Path, what: str, required: Sequence[str], optional: Sequence[str] | None = None
) -> Iterator[CsvRow]:
    """Yields the rows of a CSV file that a person wrote: empty lines and spaces around a value are
    ignored. Raises :class:`InputError` as :func:`read_rows` does, and for a column that is neither
    ``required`` nor ``optional`` (None allows any)."""
    lines = ((line, [each.strip() for each in values]) for line, values in _lines(path, what))
    header = _header(path, lines, required, by_hand=True)
    known = header if optional is None else (*required, *optional)
    for name in header:
        if name not in known:
            raise InputError(path, "line 1", f"an unknown column {name!r}", choice(name, known))
    for line, values in lines:
        if any(values):
            yield _row(path, line, header, values)


def _lines(path: Path, what: str) -> Iterator[tuple[int, list[str]]]:
    """The number of each line, the header's too, and its values."""
    reader = csv.reader(io.StringIO(table_text(path, what)), strict=True)
    try:
        for values in reader:
            yield reader.line_num, values
    except csv.Error as error:
        found = f"text that is not CSV ({error})"
        raise InputError(path, f"line {reader.line_num}", found, f"a {what} in CSV") from None


def _header(
    path: Path,
    lines: Iterator[tuple[int, list[str]]],
    columns: Sequence[str],
    *,
    by_hand: bool = False,
) -> list[str]:
    _, header = next(lines, (1, []))
    missing = [name for name in columns if name not in header]
    if missing:
        among = f" in {shown(','.join(header))}" if by_hand else ""
        found = f"no column {', '.join(missing)}{among}" if header else "an empty file"
        raise InputError(path, "line 1", found, f"the columns {', '.join(columns)}")
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise InputError(path, "line 1", f"the column {twice!r} twice", "every column once")
    return header


def _row(path: Path, line: int, header: Sequence[str], values: Sequence[str]) -> CsvRow:
    if len(values) != len(header):
        found = f"{len(values)} values (the file may be truncated)"
        raise InputError(path, f"line {line}", found, f"{len(header)} values")
    return CsvRow(path, line, dict(zip(header, values, strict=True)))


def _at_least(least: float) -> str:
    return f" >= {least:g}" if math.isfinite(least) else ""
