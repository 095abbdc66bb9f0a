"""Lines of separated fields as arrays, without a loop over lines.

Eight characters are taken as one 64-bit word, the first one lowest, and tested and converted all
at once; carries never leave a byte.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rmixer.data.dataset import Lines

Words = NDArray[np.uint64]
_WORD_BYTES = 8
_ZEROS = np.uint64(0x3030303030303030)
_HIGH_BITS = np.uint64(0x8080808080808080)
_NEWLINE, _MINUS = 0x0A, 0x2D


@dataclass(frozen=True)
class Cells:
    """Fields of some columns of a table, shapes [lines, columns]. A ``missing`` (empty) field has
    value 0. A field that is not ``sure`` is not of the type asked for, or longer than eight
    characters, and its value is invalid."""

    values: NDArray[np.int64]
    missing: NDArray[np.bool_]
    sure: NDArray[np.bool_]


class TextTable:
    """The ``lines`` that have ``fields`` fields between separators. ``places`` are their places
    among all lines, ``text`` their bytes and the fields' first bytes and lengths, shapes [lines,
    fields]."""

    def __init__(self, lines: Lines, separator: bytes, fields: int) -> None:
        self.places = np.arange(len(lines))
        text, ends = _ends(lines, separator)
        if not _is_table(text, ends, len(lines), fields):
            fits = [line.count(separator) == fields - 1 for line in lines]
            self.places = np.flatnonzero(fits)
            text, ends = _ends([lines[place] for place in self.places], separator)
        starts = np.empty_like(ends)
        starts[:1] = 0
        starts[1:] = ends[:-1] + 1
        shape = (len(self.places), fields)
        self.text = text
        self.starts = starts.reshape(shape)
        self.lengths = (ends - starts).reshape(shape)

    def first_bytes(self, columns: slice) -> NDArray[np.uint8]:
        """The first byte of each field; for an empty one the separator after it."""
        return np.asarray(self.text[self.starts[:, columns]], dtype=np.uint8)

    def integers(self, columns: slice) -> Cells:
        """Decimal numbers with an optional minus, of up to eight characters."""
        lengths = self.lengths[:, columns]
        missing = lengths == 0
        negative = (self.first_bytes(columns) == _MINUS) & (lengths > 1)
        sure = lengths <= _WORD_BYTES
        digits = np.where(missing | ~sure, _WORD_BYTES, lengths - negative)
        shift = ((_WORD_BYTES - digits) * 8).astype(np.uint64)
        # The last digit becomes the highest byte; below the first one come zeros.
        words = self._words(columns, negative) << shift
        words |= _ZEROS & ((np.uint64(1) << shift) - np.uint64(1))
        words[missing] = _ZEROS
        sure &= _all_digits(words)
        values = _decimal(words).astype(np.int64)
        return Cells(np.where(negative, -values, values), missing, sure)

    def hexadecimals(self, columns: slice) -> Cells:
        """Numbers of exactly eight hexadecimal digits, in capitals or not."""
        lengths = self.lengths[:, columns]
        missing = lengths == 0
        words = self._words(columns, np.zeros(lengths.shape, dtype=bool))
        words[missing] = _ZEROS
        sure = (missing | (lengths == _WORD_BYTES)) & _all_hexadecimal(words)
        return Cells(_from_hexadecimal(words).astype(np.int64), missing, sure)

    def _words(self, columns: slice, skip: NDArray[np.bool_]) -> Words:
        windows = np.lib.stride_tricks.sliding_window_view(self.text, _WORD_BYTES)
        taken = windows[self.starts[:, columns] + skip]
        return taken.view("<u8")[..., 0].astype(np.uint64, copy=False)


def _ends(lines: Lines, separator: bytes) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The text of ``lines``, each with a newline and all with some bytes more, and the ends of
    their fields."""
    joined = b"\n".join((*lines, b"\0" * (2 * _WORD_BYTES)))
    text = np.frombuffer(joined, dtype=np.uint8)
    is_end = text == separator[0]
    is_end |= text == _NEWLINE
    return text, np.flatnonzero(is_end)


def _is_table(text: NDArray[np.uint8], ends: NDArray[np.int64], lines: int, fields: int) -> bool:
    if len(ends) != lines * fields:
        return False
    return bool((text[ends[fields - 1 :: fields]] == _NEWLINE).all())


def _all_digits(words: Words) -> NDArray[np.bool_]:
    high = np.uint64(0xF0F0F0F0F0F0F0F0)
    carried = ((words + np.uint64(0x0606060606060606)) & high) >> np.uint64(4)
    found: NDArray[np.bool_] = ((words & high) | carried) == np.uint64(0x3333333333333333)
    return found


def _all_hexadecimal(words: Words) -> NDArray[np.bool_]:
    """For each byte, true if it is below 128 and a digit or a small letter from a to f."""
    small = words | np.uint64(0x2020202020202020)
    inside = _at_least(words, ord("0")) & ~_at_least(words, ord("9") + 1)
    inside |= _at_least(small, ord("a")) & ~_at_least(small, ord("f") + 1)
    inside &= ~words
    found: NDArray[np.bool_] = (inside & _HIGH_BITS) == _HIGH_BITS
    return found


def _at_least(words: Words, least: int) -> Words:
    """The high bit of each byte that is below 128 and at least ``least``. A byte from 128 on may
    carry into the next one; such words are refused for that byte."""
    return np.asarray(words + np.uint64(0x0101010101010101 * (0x80 - least)), dtype=np.uint64)


def _decimal(words: Words) -> Words:
    """Joins pairs of digits, then of numbers below 100, then of numbers below 10,000."""
    pairs = (words & np.uint64(0x0F0F0F0F0F0F0F0F)) * np.uint64(10 << 8 | 1) >> np.uint64(8)
    pairs &= np.uint64(0x00FF00FF00FF00FF)
    fours = pairs * np.uint64(100 << 16 | 1) >> np.uint64(16)
    fours &= np.uint64(0x0000FFFF0000FFFF)
    return np.asarray(fours * np.uint64(10_000 << 32 | 1) >> np.uint64(32), dtype=np.uint64)


def _from_hexadecimal(words: Words) -> Words:
    """Turns digits into numbers below 16 (a letter has bit 6, and counts from 1), then joins pairs
    as in :func:`_decimal`."""
    letters = (words >> np.uint64(6)) & np.uint64(0x0101010101010101)
    digits = (words & np.uint64(0x0F0F0F0F0F0F0F0F)) + np.uint64(9) * letters
    pairs = (digits << np.uint64(4)) | (digits >> np.uint64(8))
    pairs &= np.uint64(0x00FF00FF00FF00FF)
    fours = (pairs << np.uint64(8)) | (pairs >> np.uint64(16))
    fours &= np.uint64(0x0000FFFF0000FFFF)
    eights = (fours << np.uint64(16)) | (fours >> np.uint64(32))
    return np.asarray(eights & np.uint64(0xFFFFFFFF), dtype=np.uint64)
