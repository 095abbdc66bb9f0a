"""Bars that show how far a stage is; nothing where there is no terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from rmixer.cli.console import notes


@contextlib.contextmanager
def bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar that moves with each call (done, total)."""
    with progress_bars("{task.completed:.0f}/{task.total}") as bars:
        task = bars.add_task(escape(title), total=None)

        def move(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total)

        yield move


def progress_bars(state: str) -> Progress:
    """Bars with a title, the text ``state`` and the time left."""
    return Progress(
        TextColumn("{task.description:<28}"),
        BarColumn(bar_width=30),
        TextColumn(state),
        TimeRemainingColumn(),
        console=notes(),
        disable=not sys.stderr.isatty(),
        transient=True,
    )
