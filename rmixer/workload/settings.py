"""What makes a workload smaller, or supposes another machine: the values of ``--set``."""

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
    """What ``--set`` says of the workload and of the machine."""

    shrinking: Shrinking
    what_if: WhatIf

    @property
    def recorded(self) -> dict[str, object]:
        """What a run's configuration keeps beside its workload and machine, which are as ``--set``
        made them: what was supposed, if anything was."""
        return {"what_if": self.what_if.settings} if self.what_if.settings else {}

    @property
    def changing_durations(self) -> dict[str, float]:
        """What would change how long jobs last, by its key."""
        shrunk = {name: value for name, value in vars(self.shrinking).items() if value is not None}
        speed = self.what_if.gpu_speed
        faster = {} if speed is None else {"machine.gpu.speed": speed}
        return {name: value for name, value in shrunk.items() if value != 1.0} | faster


def settings_of(values: Mapping[str, str]) -> Settings:
    """Reads values by key; raises :class:`InputError` for what cannot be meant."""
    of_workload, of_machine = shrinking.keys(), what_if.keys()
    for key in values:
        if key not in (*of_workload, *of_machine):
            raise InputError("--set", "", repr(key), choice(key, (*of_workload, *of_machine)))
    return Settings(
        shrinking_of({key: value for key, value in values.items() if key in of_workload}),
        what_if_of({key: value for key, value in values.items() if key in of_machine}),
    )


def only_shrinking(settings: Settings) -> Shrinking:
    """What ``settings`` say of the workload, for who measures or trains on the machine as it is.
    Raises :class:`InputError` if they suppose another machine."""
    for key, value in settings.what_if.settings.items():
        allowed = "only for `simulate` and `sweep`: here the machine is what it is"
        raise InputError("--set", key, value, allowed)
    return settings.shrinking
