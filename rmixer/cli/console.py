"""The consoles of the commands: answers on standard output, news on standard error."""

from __future__ import annotations

import json
import sys
from functools import cache

from rich.console import Console

from rmixer.files.typed_files import plain

WIDTH = 100


def console() -> Console:
    """Standard output. Without a terminal, tables have 100 columns or as many as their values need,
    and no line is broken: names stay whole for searches."""
    if sys.stdout.isatty():
        return Console(highlight=False, emoji=False)
    return Console(width=WIDTH, soft_wrap=True, highlight=False, emoji=False)


@cache
def notes() -> Console:
    """Standard error, for news: one console, so that lines are printed above the bars that move on
    it."""
    return Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    print(json.dumps(plain(value), indent=1))


def report(text: str) -> None:
    """Prints a line of news on standard error."""
    notes().print(text, markup=False)
