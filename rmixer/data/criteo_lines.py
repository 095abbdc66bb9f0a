"""The format that Criteo's click logs share: 40 tab-separated fields and no header.

The label, 13 integers, 26 eight-digit hexadecimal hashes; a missing value is an empty field.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rmixer.data.dataset import Lines
from rmixer.data.text_table import TextTable

DENSE, FIELDS = 13, 26
_LABEL, _DENSE, _FIELDS = slice(0, 1), slice(1, 1 + DENSE), slice(1 + DENSE, 1 + DENSE + FIELDS)
_FORMS = (
    ("the label", rb"[01]", "0 or 1"),
    *((f"I{i}", rb"(?:-?[0-9]{1,18})?", "an integer") for i in range(1, DENSE + 1)),
    *((f"C{i}", rb"(?:[0-9A-Fa-f]{8})?", "8 hexadecimal digits") for i in range(1, FIELDS + 1)),
)
_LINE = re.compile(rb"\t".join(form for _, form, _ in _FORMS))


@dataclass(frozen=True)
class CriteoLines:
    """The well-formed lines: ``dense`` int64 [n, 13] and ``values`` int64 [n, 26] (32 bits of
    each), 0 where missing; ``label`` uint8 [n]. ``malformed`` has the places and errors of the
    others."""

    label: NDArray[np.uint8]
    dense: NDArray[np.int64]
    no_dense: NDArray[np.bool_]
    values: NDArray[np.int64]
    no_value: NDArray[np.bool_]
    malformed: tuple[tuple[int, str], ...]

    @property
    def missing(self) -> dict[str, int]:
        """By field the number of lines without it."""
        counts = [*self.no_dense.sum(axis=0), *self.no_value.sum(axis=0)]
        names = [name for name, _, _ in _FORMS[1:]]
        return {name: int(count) for name, count in zip(names, counts, strict=True)}

    @property
    def keys(self) -> NDArray[np.int64]:
        """``values``, with 2^32 for a missing one: one number for each value a field may have."""
        return self.values | (self.no_value.astype(np.int64) << 32)


def criteo_lines(lines: Lines) -> CriteoLines:
    """``lines`` of a raw file as arrays."""
    table = TextTable(lines, b"\t", 1 + DENSE + FIELDS)
    dense, fields = table.integers(_DENSE), table.hexadecimals(_FIELDS)
    label = table.first_bytes(_LABEL)[:, 0] - ord("0")
    sure = (label <= 1) & (table.lengths[:, 0] == 1)
    sure &= dense.sure.all(axis=1) & fields.sure.all(axis=1)
    fits = np.zeros(len(lines), dtype=bool)
    fits[table.places] = True
    malformed = [(int(place), _fault(lines[place])) for place in np.flatnonzero(~fits)]
    for row in np.flatnonzero(~sure):
        place = int(table.places[row])
        if _LINE.fullmatch(lines[place]):  # with a number of more than eight digits
            cells = lines[place].split(b"\t")[_DENSE]
            dense.values[row] = [int(cell or b"0") for cell in cells]
            sure[row] = True
        else:
            malformed.append((place, _fault(lines[place])))
    read = CriteoLines(
        label, dense.values, dense.missing, fields.values, fields.missing, tuple(sorted(malformed))
    )
    return read if sure.all() else _only(read, sure)


def log_dense(read: CriteoLines) -> NDArray[np.float32]:
    """log(x + 1) of the integers, shape [n, 13]; 0 where one is missing or negative."""
    return np.log1p(np.maximum(read.dense, 0), dtype=np.float64).astype(np.float32)


def _only(read: CriteoLines, rows: NDArray[np.bool_]) -> CriteoLines:
    return CriteoLines(
        read.label[rows],
        read.dense[rows],
        read.no_dense[rows],
        read.values[rows],
        read.no_value[rows],
        read.malformed,
    )


def _fault(line: bytes) -> str:
    cells = line.split(b"\t")
    if len(cells) != len(_FORMS):
        return f"{len(cells)} fields instead of {len(_FORMS)}"
    for cell, (name, form, what) in zip(cells, _FORMS, strict=True):
        if not re.fullmatch(form, cell):
            return f"{name} is {cell[:40].decode('latin-1')!r}, not {what}"
    raise ValueError("a line that is well-formed")
