"""The options for slots and threads, which several commands have."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from rmixer.scheduling.wanted_slots import wanted_counts

_OPTIONS = (
    ("slots", "Slots of each GPU; of the CPU where there is none."),
    ("threads", "Host threads of each of these slots."),
    ("gpu_slots", "Slots of each GPU."),
    ("cpu_slots", "Slots of the CPU, besides those of the GPUs."),
    ("gpu_threads", "Host threads of a slot of a GPU."),
    ("cpu_threads", "Threads of a slot of the CPU."),
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
