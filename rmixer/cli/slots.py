"""The options for slots and threads, which several commands have."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

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
