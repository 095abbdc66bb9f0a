"""The lines of a raw file, plain or compressed."""

from __future__ import annotations

import contextlib
import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rmixer.errors import InputError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def first_file(folder: Path, names: Sequence[str]) -> Path:
    """The first of ``names`` that is a file in ``folder``; :class:`InputError` if none is."""
    for name in names:
        if (folder / name).is_file():
            return folder / name
    if folder.is_file():
        raise InputError(folder, "", "a file", f"its folder, with {' or '.join(names)}")
    raise InputError(folder, "", f"no file {names[0]}", f"a folder with {' or '.join(names)}")


def raw_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Each line with its number, from 1, without its end (LF or CRLF) and without a byte-order
    mark.

    Gzip is recognised by its first bytes. A file that cannot be read to its end is an
    :class:`InputError`.
    """
    number = 0
    compressed = is_gzip(path)
    with reading(path, lambda: number), gzip.open(path) if compressed else path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            start = line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
            if start:  # not only a mark
                yield number, start.rstrip(b"\r\n")


def is_gzip(path: Path) -> bool:
    """True if the file begins as gzip does; raises :class:`InputError` if it cannot be read."""
    with reading(path, lambda: 0), path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


@contextlib.contextmanager
def reading(path: Path, lines_read: Callable[[], int]) -> Iterator[None]:
    """Turns errors while ``path`` is read into :class:`InputError`."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        found = str(error).rstrip(".")
        raise InputError(path, f"after line {lines_read()}", found, "a whole gzip file") from None
    except OSError as error:
        raise InputError(path, "", error.strerror, "a readable file") from None
