"""Asks for confirmation before executing a doubtful prediction; ``--yes``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from rmixer.cli.console import report
from rmixer.errors import RunFailed

yes_option = click.option(
    "--yes", is_flag=True, help="Execute even if the prediction is doubtful, without asking."
)


def confirm(doubtful: Sequence[str], yes: bool) -> None:
    """Prints why a prediction is ``doubtful`` and, on a terminal and without ``yes``, asks for
    confirmation. Raises :class:`RunFailed` if it is refused. Without a terminal it does not ask."""
    from rmixer.cli.presenting import doubt_lines

    report("\n".join(["the prediction is doubtful", *doubt_lines(doubtful)[1:]]))
    if yes or not sys.stdin.isatty():
        return
    if not click.confirm("Execute all the same?", err=True):
        raise RunFailed("nothing was executed (--yes executes without asking)")
