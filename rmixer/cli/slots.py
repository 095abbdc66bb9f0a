"""The options for slots and threads, which several commands have."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from rmixer.cli.numbers import whole_numbers
from rmixer.scheduling.wanted_slots import Wanted

_OPTIONS = (
    ("slots", "Slots of each GPU; of the CPU where there is none."),
    ("threads", "Host threads of each of these slots."),
    ("gpu_slots", "Slots of each GPU."),
    ("cpu_slots", "Slots of the CPU, besides those of the GPUs."),
    ("gpu_threads", "Host threads of a slot of a GPU."),
    ("cpu_threads", "Threads of a slot of the CPU."),
)
_MOST = 1024


def slot_options(*, lists: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Adds the six options to a command, which gets them as one argument ``wanted``: a number each,
    or several with ``lists``."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def collected(**given: Any) -> None:
            said = {name: given.pop(name) for name, _ in _OPTIONS}
            command(wanted=_wanted(said, lists), **given)

        for name, text in reversed(_OPTIONS):
            option = "--" + name.replace("_", "-")
            more = (
                {"metavar": "N,N", "help": f"{text[:-1]}, like 1,2."} if lists else {"help": text}
            )
            collected = click.option(option, name, **more)(collected)  # type: ignore[arg-type]
        return collected

    return decorate


def _wanted(said: dict[str, str | None], lists: bool) -> Wanted:
    counts = {}
    for name, text in said.items():
        option = "--" + name.replace("_", "-")
        least = 0 if name in ("gpu_slots", "cpu_slots") else 1
        counts[name] = whole_numbers(text, option, _MOST, least, several=lists)
    return Wanted(**counts)
