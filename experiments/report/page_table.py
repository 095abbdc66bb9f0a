"""Tables of a page: the text of a cell, and its sort key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rmixer.display.quantities import (
    ABSENT,
    milliseconds,
    percent,
    seconds,
    signed_percent,
    size,
)


@dataclass(frozen=True)
class Cell:
    """``text``, and the number by which it is sorted, if there is one. ``mood`` is ``good``,
    ``bad`` or ""."""

    text: str
    order: float | None = None
    mood: str = ""


@dataclass(frozen=True)
class Column:
    """A column by its ``name``; ``numbers`` are set to the right. ``hint`` explains it. If it is
    ``shared`` and all rows have the same text, this is shown once, below the table. A ``wide`` one
    holds sentences."""

    name: str
    numbers: bool = False
    hint: str = ""
    shared: bool = False
    wide: bool = False


@dataclass(frozen=True)
class PageTable:
    """Rows of cells under columns, the first of which names the row; ``caption`` is above and
    ``below`` is under it."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    below: tuple[str, ...] = ()


def table(
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    below: Sequence[str] = (),
) -> PageTable:
    """Builds the table without empty columns (but for the first) and without shared columns in
    which all rows are the same."""
    said: list[str] = []
    kept = []
    for place, column in enumerate(columns):
        texts = {row[place].text for row in rows}
        if place and texts <= {"", ABSENT}:
            continue
        if column.shared and len(texts) == 1 and len(rows) > 1:
            said.append(f"{column.name} {rows[0][place].text}")
            continue
        kept.append(place)
    alike = [f"In all rows: {', '.join(said)}."] if said else []
    return PageTable(
        caption,
        tuple(columns[place] for place in kept),
        tuple(tuple(row[place] for place in kept) for row in rows),
        (*alike, *below),
    )


def words(text: str | None, mood: str = "") -> Cell:
    """Text; ``–`` for none."""
    return Cell(text or ABSENT, None, mood)


def number(value: float | None, text: Callable[[float], str] = "{:,.0f}".format) -> Cell:
    """A number as ``text`` writes it; ``–`` for none."""
    return Cell(ABSENT) if value is None else Cell(text(value), float(value))


def time(value_s: float | None) -> Cell:
    """Seconds."""
    return Cell(seconds(value_s), value_s)


def moment(at_s: float | None) -> Cell:
    """A time in seconds from the first dispatch; ``–`` if it is close to 0."""
    return time(None if at_s is not None and abs(at_s) < 0.05 else at_s)


def step_time(value_ms: float | None) -> Cell:
    """Milliseconds."""
    return Cell(milliseconds(value_ms), value_ms)


def memory(value_bytes: float | None) -> Cell:
    """Bytes."""
    return Cell(size(value_bytes), value_bytes)


def share(fraction: float | None) -> Cell:
    """``4.2%``."""
    return Cell(percent(fraction), fraction)


def signed(fraction: float | None, goal: float | None = None) -> Cell:
    """``+4.2%``; bad if its size is above the ``goal``."""
    beyond = fraction is not None and goal is not None and abs(fraction) > goal
    return Cell(signed_percent(fraction), fraction, "bad" if beyond else "")
