"""The workload that a command works on, shrunk as its ``--set`` options say."""

from __future__ import annotations

from pathlib import Path

import click

from rmixer.shrinking import parse_shrinking
from rmixer.workload import Workload
from rmixer.workload_file import read_workload

shrinking_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Shrink the workload: steps_scale=0.1, batch_max=512, rows_max=100000.",
)


def shrunk_workload(path: Path, settings: tuple[str, ...]) -> Workload:
    """The workload file at ``path`` after ``settings``; raises :class:`InputError`."""
    shrinking = parse_shrinking(settings)
    return shrinking.apply(read_workload(path))
