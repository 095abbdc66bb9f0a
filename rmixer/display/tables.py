"""Tables of numbers that lose nothing on a narrow terminal."""

from __future__ import annotations

import copy
from dataclasses import replace

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table


class NumberTable(Table):
    """A table as rich draws it, where it fits; else with as little space between columns as there
    can be, and where that is not enough with values that go on below."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What rich asks it for."""
        yield from Table.__rich_console__(self._fitting(console, options), console, options)

    def _fitting(self, console: Console, options: ConsoleOptions) -> NumberTable:
        if self._width(console, options) <= options.max_width:
            return self
        narrow = copy.copy(self)
        narrow.pad_edge, narrow.padding = False, 0
        if narrow._width(console, options) > options.max_width:
            narrow.columns = [replace(c, no_wrap=False, overflow="fold") for c in self.columns]
        return narrow

    def _width(self, console: Console, options: ConsoleOptions) -> int:
        """Of the widest line, if there is room for it."""
        room = options.update(max_width=1 << 16)
        return Measurement.get(console, room, self).maximum
