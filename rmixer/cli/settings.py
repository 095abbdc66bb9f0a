"""The option ``--set``: shrinks a workload, or supposes another machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import click

from rmixer.errors import InputError, choice
from rmixer.hardware import what_if
from rmixer.hardware.what_if import WhatIf, what_if_of
from rmixer.workload import shrinking
from rmixer.workload.shrinking import Shrinking, shrinking_of

_SHRINK = "Shrink the workload: steps_scale=0.1, batch_max=512, rows_max=100000."
_SUPPOSE = (
    "Or suppose another machine (what if): machine.gpus=4, machine.gpu.memory_gib=24, "
    "machine.gpu.speed=1.5, machine.cores=64, machine.memory_gib=64."
)
_option = {"multiple": True, "metavar": "KEY=VALUE"}

shrinking_option = click.option("--set", "settings", help=_SHRINK, **_option)  # type: ignore[arg-type]
what_if_option = click.option("--set", "settings", help=f"{_SHRINK} {_SUPPOSE}", **_option)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Settings:
    """The settings of ``--set`` for the workload and for the machine."""

    shrinking: Shrinking
    what_if: WhatIf

    @property
    def recorded(self) -> dict[str, object]:
        """The part for a run's configuration besides its workload and machine, which already
        include ``--set``: the supposed changes of the machine."""
        return {"what_if": self.what_if.settings} if self.what_if.settings else {}

    @property
    def changing_durations(self) -> dict[str, float]:
        """The settings that would change the durations of jobs, by their keys."""
        shrunk = {name: value for name, value in vars(self.shrinking).items() if value is not None}
        speed = self.what_if.gpu_speed
        faster = {} if speed is None else {"machine.gpu.speed": speed}
        return {name: value for name, value in shrunk.items() if value != 1.0} | faster


def parse_settings(texts: Sequence[str]) -> Settings:
    """Parses ``key=value`` texts; raises :class:`InputError`."""
    of_workload, of_machine = shrinking.keys(), what_if.keys()
    values: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise InputError("--set", "", repr(text), "key=value")
        if key not in (*of_workload, *of_machine):
            raise InputError("--set", "", repr(key), choice(key, (*of_workload, *of_machine)))
        if key in values:
            raise InputError("--set", key, "twice", "once")
        values[key] = value
    return Settings(
        shrinking_of({key: value for key, value in values.items() if key in of_workload}),
        what_if_of({key: value for key, value in values.items() if key in of_machine}),
    )


def parse_shrinking(texts: Sequence[str]) -> Shrinking:
    """The same for a command that measures or trains, on the real machine: to suppose another one
    is an :class:`InputError`."""
    settings = parse_settings(texts)
    for key, value in settings.what_if.settings.items():
        allowed = "only for `simulate` and `sweep`: here the machine is what it is"
        raise InputError("--set", key, value, allowed)
    return settings.shrinking
