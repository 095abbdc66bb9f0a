"""Reads a page as a browser would, strictly: every element is closed, in order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser

REFERRING = ("href", "src", "srcset", "xlink:href", "action", "poster")
VOID = ("meta", "br", "hr", "img", "input", "link", "wbr")


@dataclass
class Table:
    """The texts of a table, and by what its cells are sorted."""

    head: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    orders: list[list[str | None]] = field(default_factory=list)

    def column(self, name: str) -> list[str]:
        """The cells under ``name``."""
        place = self.head.index(name)
        return [row[place] for row in self.rows]


class Page(HTMLParser):
    """``tables`` by the id of their figure, ``ids``, the places that it refers to, and all its
    text. Raises AssertionError where elements are not nested."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: dict[str, Table] = {}
        self.ids: Counter[str] = Counter()
        self.refers: list[str] = []
        self.tags: Counter[str] = Counter()
        self.texts: list[str] = []
        self._open: list[str] = []
        self._cell: list[str] | None = None
        self._table = Table()
        self.feed(html)
        self.close()
        assert self._open == [], self._open

    @property
    def text(self) -> str:
        """All that stands between tags."""
        return " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """What the parser calls."""
        known = dict(attrs)
        self.tags[tag] += 1
        if known.get("id"):
            self.ids[str(known["id"])] += 1
        self.refers += [value or "" for name, value in attrs if name in REFERRING]
        if tag == "figure":
            self._table = self.tables.setdefault(str(known["id"]), Table())
        if tag == "tr":
            self._table.rows.append([])
            self._table.orders.append([])
        if tag in ("td", "th"):
            self._cell = []
        if tag == "td":
            self._table.orders[-1].append(known.get("data-v"))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element that closes itself: of SVG alone."""
        assert "svg" in self._open, tag
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        """What the parser calls."""
        assert self._open, tag
        assert self._open.pop() == tag, tag
        if tag == "th":
            self._table.head.append(self._taken())
        elif tag == "td":
            self._table.rows[-1].append(self._taken())
        elif tag == "thead":
            self._table.rows.clear()
            self._table.orders.clear()

    def handle_data(self, data: str) -> None:
        """What the parser calls."""
        if self._open and self._open[-1] not in ("script", "style"):
            self.texts.append(data)
        if self._cell is not None:
            self._cell.append(data)

    def _taken(self) -> str:
        text = "".join(self._cell or []).strip()
        self._cell = None
        return text
