"""Cuts a raw file into blocks of whole lines; every reader gets the same blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rmixer.data.archives import is_packed, unpacked
from rmixer.data.raw_lines import BYTE_ORDER_MARK, reading
from rmixer.errors import InputError

LONGEST_LINE_BYTES = 16 << 20
_PIECE_BYTES = 1 << 14
"""Bytes decompressed at a time: at most this much of a truncated file is lost."""


@dataclass(frozen=True)
class RawBlock:
    """Some lines of ``path``: those that start at the bytes from ``start`` to before ``stop`` or,
    if the file is compressed, ``text``. ``position`` is the progress of reading in the file, in
    bytes."""

    path: Path
    index: int
    start: int
    stop: int
    position: int
    text: bytes | None = None

    def lines(self) -> list[bytes]:
        """The lines without their ends (LF or CRLF); a byte-order mark at the start of the file
        is dropped."""
        text = _read_span(self.path, self.start, self.stop) if self.text is None else self.text
        if self.index == 0:
            text = text.removeprefix(BYTE_ORDER_MARK)
        if not text:
            return []
        lines = text.removesuffix(b"\n").split(b"\n")
        return [line.rstrip(b"\r") for line in lines] if b"\r" in text else lines


def raw_blocks(path: Path, block_bytes: int) -> Iterator[RawBlock]:
    """Yields the blocks of ``path`` in order, of about ``block_bytes`` of text each.

    A plain file is only cut here and read by :meth:`RawBlock.lines`, which may happen in another
    process; a gzip file, of several members too, is decompressed here, and so is the only file in
    an archive. Raises
    :class:`InputError` if it cannot be read, or for a line of more than 16 MiB.
    """
    if is_packed(path):
        yield from _compressed_blocks(path, block_bytes)
        return
    size = path.stat().st_size
    for index, start in enumerate(range(0, size, block_bytes)):
        stop = min(start + block_bytes, size)
        yield RawBlock(path, index, start, stop, stop)


def _read_span(path: Path, start: int, stop: int) -> bytes:
    with reading(path, lambda: 0), path.open("rb") as file:
        if start:
            file.seek(start - 1)
            start += len(_rest_of_line(file.readline(LONGEST_LINE_BYTES), path, start)) - 1
        if start >= stop:
            return b""
        text = file.read(stop - start)
        if not text.endswith(b"\n"):
            text += _rest_of_line(file.readline(LONGEST_LINE_BYTES), path, stop)
        return text


def _rest_of_line(rest: bytes, path: Path, at: int) -> bytes:
    if len(rest) >= LONGEST_LINE_BYTES and not rest.endswith(b"\n"):
        raise _endless_line(path, at)
    return rest


def _endless_line(path: Path, at: int) -> InputError:
    found = f"a line of more than {LONGEST_LINE_BYTES >> 20} MiB"
    return InputError(path, f"byte {at}", found, "a file of shorter lines")


def _compressed_blocks(path: Path, block_bytes: int) -> Iterator[RawBlock]:
    lines_read = start = index = held = 0
    pieces: list[bytes] = []
    with (
        reading(path, lambda: lines_read),
        path.open("rb") as file,
        unpacked(path, file) as text_file,
    ):
        while piece := text_file.read(min(block_bytes, _PIECE_BYTES)):
            lines_read += piece.count(b"\n")
            pieces.append(piece)
            held += len(piece)
            if held < block_bytes:
                continue
            whole, newline, begun = b"".join(pieces).rpartition(b"\n")
            if len(begun) > LONGEST_LINE_BYTES:
                raise _endless_line(path, start)
            pieces, held = [begun], len(begun)
            if newline:
                text = whole + newline
                yield RawBlock(path, index, start, start + len(text), file.tell(), text)
                start, index = start + len(text), index + 1
        if rest := b"".join(pieces):
            yield RawBlock(path, index, start, start + len(rest), file.tell(), rest)
