"""The report on the raw files of a data set, stored with it as ``preparation.json``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rmixer.data.malformed import MalformedLine
from rmixer.data.unfinished import SUFFIX, is_being_made
from rmixer.errors import InputError
from rmixer.files.typed_files import load_json, parse

PREPARATION = "preparation.json"


@dataclass(frozen=True)
class Source:
    """A raw file at the time when it was read."""

    path: str
    size_bytes: int
    modified_ns: int

    @staticmethod
    def of(path: Path) -> Source:
        """The present state of ``path``."""
        stat = path.stat()
        return Source(str(path.resolve()), stat.st_size, stat.st_mtime_ns)


@dataclass(frozen=True)
class Count:
    """A number that was ``found``, exactly or ``about``, with the one ``known`` for the public file
    (None: unknown)."""

    name: str
    found: int
    known: int | None
    about: bool


@dataclass(frozen=True)
class Preparation:
    """The origin and the content of a prepared data set.

    ``data`` is ``synthetic`` or the path that was given; ``lines`` of the raw files without
    headers, ``malformed`` of them, the ``first_malformed`` with their reasons; ``seconds`` of the
    call that finished it, ``resumed`` if it continued an interrupted one; ``finished`` in UTC;
    ``fingerprint`` of the code and raw files that made it.
    """

    name: str
    data: str
    rows: int
    train_rows: int
    bytes_read: int
    lines: int
    malformed: int
    first_malformed: tuple[MalformedLine, ...]
    counts: tuple[Count, ...]
    sources: tuple[Source, ...]
    seconds: float
    resumed: bool
    finished: str
    fingerprint: str


@dataclass(frozen=True)
class Prepared:
    """A folder of prepared data and its size on disk. ``state`` is finished, unfinished (the same
    call continues it), being made, or unreadable."""

    folder: str
    state: str
    size_bytes: int
    preparation: Preparation | None


def read_preparation(folder: Path) -> Preparation:
    """The report in ``folder``."""
    path = folder / PREPARATION
    return parse(load_json(path, "report of a preparation"), Preparation, path)


def prepared_folders(place: Path) -> Iterator[Prepared]:
    """Yields all prepared data in ``place``, by name."""
    for folder in sorted(place.iterdir()) if place.is_dir() else ():
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        if folder.name.endswith(SUFFIX):
            state = "being made" if is_being_made(folder) else "unfinished"
            yield Prepared(str(folder), state, size, None)
        elif (folder / PREPARATION).is_file():
            try:
                yield Prepared(str(folder), "finished", size, read_preparation(folder))
            except InputError:
                yield Prepared(str(folder), "unreadable", size, None)
