"""Options that several commands have: slots and threads, and the part of the machine to use."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from rmixer.hardware.allowance import allowance_of
from rmixer.scheduling.wanted_slots import wanted_counts

_OPTIONS = (
    ("slots", "Number of slots: on each GPU, or on the CPU if there is no GPU."),
    ("threads", "Host threads per slot, with --slots."),
    ("gpu_slots", "Number of slots on each GPU."),
    ("cpu_slots", "Number of slots on the CPU."),
    ("gpu_threads", "Host threads per GPU slot."),
    ("cpu_threads", "Threads per CPU slot."),
)


def slot_options(*, lists: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Adds the six options to a command, which gets them as one argument ``wanted``: a number each,
    or several with ``lists``."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def collected(**given: Any) -> None:
            said = {name: given.pop(name) for name, _ in _OPTIONS}
            command(wanted=wanted_counts(said, several=lists), **given)

        for name, text in reversed(_OPTIONS):
            option = "--" + name.replace("_", "-")
            more = (
                {"metavar": "N,N", "help": f"{text[:-1]}, like 1,2."} if lists else {"help": text}
            )
            collected = click.option(option, name, **more)(collected)  # type: ignore[arg-type]
        return collected

    return decorate


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
