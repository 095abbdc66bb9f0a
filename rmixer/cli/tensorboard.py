"""The option ``--tensorboard``: metrics over time as TensorBoard's event files, too."""

from __future__ import annotations

import importlib.util

import click

from rmixer.errors import InputError

tensorboard_option = click.option(
    "--tensorboard", is_flag=True, help="Also write metrics as event files, for TensorBoard."
)


def check_tensorboard(wanted: bool) -> None:
    """Raises :class:`InputError` if event files are wanted and the package that writes them is
    missing."""
    if wanted and importlib.util.find_spec("tensorboard") is None:
        found = "no package 'tensorboard'"
        raise InputError(
            "--tensorboard", "", found, "it installed: pip install 'rmixer[tensorboard]'"
        )
