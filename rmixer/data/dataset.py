"""What a data set is: columns, a synthetic twin, and a reader of the public raw files."""

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
    """What became of some lines of a raw file: ``columns``, arrays of equal length with an entry
    for each good line (or whatever arrays its reader asked for), for each bad line its place
    among the lines and what is wrong, and by field how many good lines are ``missing`` it."""

    columns: ParsedColumns
    malformed: tuple[tuple[int, str], ...] = ()
    missing: Mapping[str, int] = field(default_factory=dict)


class RawReader(Protocol):
    """How a data set reads its raw files."""

    data: Path
    """The path the user gave."""
    files: tuple[Path, ...]
    """The raw files that :meth:`DataSet.raw_files` found."""

    def header(self, path: Path) -> bytes:
        """The first line of ``path``, without its end or a byte-order mark."""

    def blocks(
        self, path: Path, parse: Callable[[Lines], Parsed], header: bool = False
    ) -> Iterator[ParsedColumns]:
        """The columns that ``parse`` makes of the lines of ``path``, block after block in the
        file's order. ``parse`` must be a function of a module (or a ``functools.partial`` of
        one): it runs in other processes. With ``header`` the first line is left out. Malformed
        lines are counted and reported; :class:`InputError` where they are too many, which for few
        lines shows at the end, so read on to it.

        A data set that yields these columns on as they are (the same object, the same columns as
        its own, in their stored types) is made with the least space: what is written is not kept
        a second time. After an interruption all blocks come again in the same order, but nothing
        is parsed twice."""

    def scratch(self, name: str) -> Path:
        """An empty folder for intermediate files, removed when the data set is finished. After an
        interruption it is empty again."""

    def count(self, name: str, found: int, known: int | None = None, about: bool = False) -> None:
        """A number for the report, such as a cardinality, exact or ``about``, beside the one that
        is known of the public file."""


class DataSet(ABC):
    """One data set. A subclass lives in a module of its own and is named, with the settings its
    constructor takes, in ``rmixer.data.registry``. Needs no torch."""

    columns: Mapping[str, Column]
    often_missing: frozenset[str] = frozenset()
    """Fields that most lines of the public files are without."""

    @abstractmethod
    def twin(self) -> Chunks:
        """Synthetic samples like the real ones: the same at every call."""

    @abstractmethod
    def raw_files(self, data: Path) -> tuple[Path, ...]:
        """The raw files under ``data``; raises :class:`InputError` if one is missing."""

    @abstractmethod
    def read(self, raw: RawReader) -> Chunks:
        """The samples of the raw files; raises :class:`InputError` for what is malformed."""
