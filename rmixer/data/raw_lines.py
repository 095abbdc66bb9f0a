"""The lines of a raw file, plain or compressed."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from rmixer.errors import InputError


def first_file(folder: Path, names: Sequence[str]) -> Path:
    """The first of ``names`` that is a file in ``folder``; :class:`InputError` if none is."""
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise InputError(folder, "", f"no file {names[0]}", f"a folder with {' or '.join(names)}")


def raw_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Each line with its number, from 1, without its end (LF or CRLF).

    Gzip is recognised by its first bytes. A file that cannot be read to its end is an
    :class:`InputError`.
    """
    number = 0
    try:
        with path.open("rb") as file:
            compressed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if compressed else path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                yield number, line.rstrip(b"\r\n")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        found = str(error).rstrip(".")
        raise InputError(path, f"after line {number}", found, "a whole gzip file") from None
    except OSError as error:
        raise InputError(path, "", error.strerror, "a readable file") from None
