"""The difference between two executions of one schedule on a machine, stored with its profiles."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from rmixer.errors import InputError
from rmixer.files.strict import Strict
from rmixer.files.typed_files import load_json, parse, write_json
from rmixer.hardware.machine import Machine, check_schema

SCHEMA_VERSION: Final = 1
FILE = "noise.json"
KEPT = 8
"""Only this many of the latest count, because a machine changes with its surroundings."""


@dataclass(frozen=True)
class Executions(Strict):
    """Two executions of one schedule: the workload and policy, and both makespans in seconds."""

    workload: str
    policy: str
    makespans_s: tuple[
        Annotated[float, Field(gt=0, allow_inf_nan=False)],
        Annotated[float, Field(gt=0, allow_inf_nan=False)],
    ]

    @property
    def apart(self) -> float:
        """The relative difference between the two: the noise floor."""
        first_s, second_s = self.makespans_s
        return abs(first_s - second_s) / second_s


@dataclass(frozen=True)
class MachineNoise(Strict):
    """The schedules that were executed twice on one machine, the oldest first."""

    machine: str
    hardware: str
    executions: Annotated[tuple[Executions, ...], Field(min_length=1)]
    schema_version: Literal[1] = SCHEMA_VERSION

    @property
    def noise(self) -> float:
        """The root mean square of their differences. A single pair may be close by chance."""
        return sqrt(sum(each.apart**2 for each in self.executions) / len(self.executions))


def read_noise(folder: Path, machine: Machine) -> MachineNoise | None:
    """Reads the noise in the ``folder`` of ``machine``; None if there is none, or if the machine
    had other hardware then. Raises :class:`InputError` for a file that is damaged, or of another
    machine."""
    path = folder / FILE
    if not path.exists():
        return None
    remedy = f"remove {path}"
    data: Any = load_json(path, "noise of a machine")
    check_schema(data, path, SCHEMA_VERSION, remedy)
    found = parse(data, MachineNoise, path)
    if found.machine != machine.name:
        allowed = f"{machine.name!r}, its folder's name: {remedy}"
        raise InputError(path, "machine", repr(found.machine), allowed)
    return found if found.hardware == machine.fingerprint.hardware else None


def keep_noise(folder: Path, machine: Machine, executions: Executions) -> None:
    """Adds ``executions`` to the file in ``folder``, unless they are there. An unreadable file is
    replaced."""
    try:
        known = read_noise(folder, machine)
    except InputError:
        known = None
    before = known.executions if known else ()
    if executions not in before:
        last = (*before, executions)[-KEPT:]
        write_json(folder / FILE, MachineNoise(machine.name, machine.fingerprint.hardware, last))
