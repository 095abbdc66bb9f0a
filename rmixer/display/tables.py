"""Tables whose values are never cut on a narrow terminal."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, Self

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table


class WholeTable(Table):
    """A table as rich draws it on a terminal, with a line below its names and no other. Elsewhere
    (``Console(soft_wrap=True)``) it is as wide as its longest line: no value is broken or cut.
    ``settings`` are those of rich's table."""

    def __init__(self, title: str | None = None, **settings: Any) -> None:
        plain = {"box": box.SIMPLE_HEAD, "pad_edge": False}
        left = {"title_justify": "left", "caption_justify": "left"}
        super().__init__(title=title, **{**plain, **left, **settings})

    def words(self, *names: str, **settings: Any) -> Self:
        """Adds a column for each of ``names``, to the left and not wrapped."""
        for name in names:
            self.add_column(name, **{"no_wrap": True, **settings})
        return self

    def numbers(self, *names: str) -> Self:
        """Adds a column for each of ``names``, to the right and not wrapped."""
        return self.words(*names, justify="right")

    def folded(self, *names: str) -> Self:
        """Adds a column for each of ``names``, whose long words go on below."""
        return self.words(*names, no_wrap=False, overflow="fold")

    def shortened(self, name: str, width: int = 28) -> Self:
        """Adds a column whose text is cut at ``width`` characters."""
        return self.words(name, overflow="ellipsis", max_width=width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draws the table; rich calls this."""
        table: Table = self._fitting(console, options)
        if console.soft_wrap:
            table = copy.copy(self)
            table.columns = [replace(c, max_width=None, no_wrap=True) for c in self.columns]
            options = options.update(max_width=_width(table, console, options))
        yield from Table.__rich_console__(table, console, options)

    def _fitting(self, console: Console, options: ConsoleOptions) -> Table:
        return self


class NumberTable(WholeTable):
    """The same, but on a narrow terminal with the least space between columns and, if that is not
    enough, with long values continued below."""

    def _fitting(self, console: Console, options: ConsoleOptions) -> Table:
        if _width(self, console, options) <= options.max_width:
            return self
        narrow = copy.copy(self)
        narrow.pad_edge, narrow.padding = False, 0
        if _width(narrow, console, options) > options.max_width:
            narrow.columns = [replace(c, no_wrap=False, overflow="fold") for c in self.columns]
        return narrow


def _width(table: Table, console: Console, options: ConsoleOptions) -> int:
    """The width of the widest line without a limit."""
    room = options.update(max_width=1 << 16)
    return Measurement.get(console, room, table).maximum
