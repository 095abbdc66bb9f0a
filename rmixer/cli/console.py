"""What the commands print on: answers on standard output, news on standard error."""

from __future__ import annotations

import json
import sys
from functools import cache

from rich.console import Console

from rmixer.files.typed_files import plain

WIDTH = 100


def console() -> Console:
    """Standard output. Where it is no terminal, tables have 100 columns, or as many as their values
    need, and no line is broken: names stay whole for who looks for them."""
    if sys.stdout.isatty():
        return Console(highlight=False, emoji=False)
    return Console(width=WIDTH, soft_wrap=True, highlight=False, emoji=False)


@cache
def notes() -> Console:
    """Standard error, for what happens meanwhile: one console, so that lines are printed above the
    bars that move on it."""
    return Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    print(json.dumps(plain(value), indent=1))


def report(text: str) -> None:
    """A line about what is going on, on standard error."""
    notes().print(text, markup=False)
