"""The values of ``--set``: they shrink a workload, or suppose another machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rmixer.errors import InputError, choice
from rmixer.hardware import what_if
from rmixer.hardware.what_if import WhatIf, what_if_of
from rmixer.workload import shrinking
from rmixer.workload.shrinking import Shrinking, shrinking_of


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


def settings_of(values: Mapping[str, str]) -> Settings:
    """Reads values by key; raises :class:`InputError`."""
    known = (*shrinking.KEYS, *what_if.KEYS)
    for key in values:
        if key not in known:
            raise InputError("--set", "", repr(key), choice(key, known))
    return Settings(
        shrinking_of({key: value for key, value in values.items() if key in shrinking.KEYS}),
        what_if_of({key: value for key, value in values.items() if key in what_if.KEYS}),
    )


def only_shrinking(settings: Settings) -> Shrinking:
    """The settings for the workload, for a command that measures or trains on the real machine.
    Raises :class:`InputError` if they suppose another machine."""
    for key, value in settings.what_if.settings.items():
        allowed = "only for `simulate` and `sweep`: here the machine is what it is"
        raise InputError("--set", key, value, allowed)
    return settings.shrinking
