"""The option ``--set``: shrinks a workload, or changes the simulated machine."""

from __future__ import annotations

from collections.abc import Sequence

import click

from rmixer.errors import InputError
from rmixer.workload.settings import Settings, only_shrinking, settings_of
from rmixer.workload.shrinking import Shrinking

_SHRINK = "Shrink the workload: steps_scale=0.1, batch_max=512, rows_max=100000."
_SUPPOSE = (
    "Or simulate another machine (what if): machine.gpus=4, machine.gpu.memory_gib=24, "
    "machine.gpu.speed=1.5, machine.cores=64, machine.memory_gib=64."
)
_option = {"multiple": True, "metavar": "KEY=VALUE"}

shrinking_option = click.option("--set", "settings", help=_SHRINK, **_option)  # type: ignore[arg-type]
what_if_option = click.option("--set", "settings", help=f"{_SHRINK} {_SUPPOSE}", **_option)  # type: ignore[arg-type]


def parse_settings(texts: Sequence[str]) -> Settings:
    """Parses ``key=value`` texts; raises :class:`InputError`."""
    values: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise InputError("--set", "", repr(text), "key=value")
        if key in values:
            raise InputError("--set", key, "twice", "once")
        values[key] = value
    return settings_of(values)


def parse_shrinking(texts: Sequence[str]) -> Shrinking:
    """The same for a command that measures or trains, on the real machine."""
    return only_shrinking(parse_settings(texts))
