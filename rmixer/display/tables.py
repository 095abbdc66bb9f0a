"""Tables whose values are never cut on a narrow terminal."""

from __future__ import annotations

import copy
from dataclasses import replace

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table


class WholeTable(Table):
    """A table as rich draws it on a terminal. Elsewhere (``Console(soft_wrap=True)``) it is as wide
    as its longest line: no value is broken or cut."""

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
