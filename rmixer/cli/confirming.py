"""Whether an execution is wished although its prediction is doubtful; ``--yes``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from rmixer.cli.console import report
from rmixer.errors import RunFailed

yes_option = click.option(
    "--yes", is_flag=True, help="Execute also where the prediction is doubtful, without asking."
)


def confirm(doubtful: Sequence[str], yes: bool) -> None:
    """Say why a prediction is ``doubtful``, and ask on a terminal, unless ``yes``, whether it is to
    be executed. Raises :class:`RunFailed` if not. Where nobody can be asked it is executed."""
    from rmixer.cli.presenting import doubt_lines

    report("\n".join(["the prediction is doubtful", *doubt_lines(doubtful)[1:]]))
    if yes or not sys.stdin.isatty():
        return
    if not click.confirm("Execute all the same?", err=True):
        raise RunFailed("nothing was executed, as you wished (--yes does not ask)")
