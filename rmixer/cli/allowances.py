"""The options ``--cores``, ``--gpus`` and ``--leave-free``: the part of the machine that a run may
use."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from rmixer.hardware.allowance import allowance_of


def allowance_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the three options to a command, which gets them as one argument ``allowance``."""

    @click.option("--cores", metavar="LIST", help="Train only on these cores, like 0-3,6.")
    @click.option("--gpus", metavar="LIST", help="Train only on these GPUs, like 0,1, or none.")
    @click.option(
        "--leave-free",
        "left_free",
        multiple=True,
        metavar="WHAT",
        help="Leave this part of the machine free: 8GiB of memory, or 2cores.",
    )
    @functools.wraps(command)
    def collected(
        cores: str | None, gpus: str | None, left_free: tuple[str, ...], **given: Any
    ) -> None:
        command(allowance=allowance_of(cores, left_free, gpus), **given)

    return collected
