"""The base of data sets: columns, a synthetic twin, and a reader of the public raw files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from rmixer.data.arrays import Chunks, Column

Lines = list[bytes]
ParsedColumns = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Parsed:
    """The result of parsing lines of a raw file: ``columns``, arrays of equal length with an entry
    for each good line (or other arrays for its reader); for each bad line its place among the lines
    and its error; and by field the number of good lines that are ``missing`` it."""

    columns: ParsedColumns
    malformed: tuple[tuple[int, str], ...] = ()
    missing: Mapping[str, int] = field(default_factory=dict)


class RawReader(Protocol):
    """Gives a data set the blocks of its raw files."""

    data: Path
    """The path the user gave."""
    files: tuple[Path, ...]
    """The raw files that :meth:`DataSet.raw_files` found."""

    def header(self, path: Path) -> bytes:
        """The first line of ``path``, without its end or a byte-order mark."""

    def blocks(
        self, path: Path, parse: Callable[[Lines], Parsed], header: bool = False
    ) -> Iterator[ParsedColumns]:
        """Yields the columns that ``parse`` makes of the lines of ``path``, block after block in
        the file's order. ``parse`` must be a function of a module (or a ``functools.partial`` of
        one): it runs in other processes. With ``header`` the first line is left out. Malformed
        lines are counted and reported. Raises :class:`InputError` if they are too many, for few
        lines only at the end, so read to the end.

        A data set that yields these columns unchanged (the same object, its columns and stored
        types) needs the least space: they are not stored a second time. After an interruption all
        blocks come again in the same order, but nothing is parsed twice.
        """

    def scratch(self, name: str) -> Path:
        """An empty folder for intermediate files, removed when the data set is finished. After an
        interruption it is empty again."""

    def count(self, name: str, found: int, known: int | None = None, about: bool = False) -> None:
        """Reports a number, such as a cardinality, exact or ``about``, with the one known for the
        public file."""


class DataSet(ABC):
    """One data set. A subclass is in its own module and is named, with the settings of its
    constructor, in ``rmixer.data.registry``. It does not need torch."""

    columns: Mapping[str, Column]
    often_missing: frozenset[str] = frozenset()
    """Fields that most lines of the public files lack."""

    @abstractmethod
    def twin(self) -> Chunks:
        """Synthetic samples like the real ones: the same at every call."""

    @abstractmethod
    def raw_files(self, data: Path) -> tuple[Path, ...]:
        """The raw files under ``data``; raises :class:`InputError` if one is missing."""

    @abstractmethod
    def read(self, raw: RawReader) -> Chunks:
        """Yields the samples of the raw files; raises :class:`InputError` for malformed ones."""
