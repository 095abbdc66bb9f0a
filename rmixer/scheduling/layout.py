"""How a machine is cut into slots: how many per device, with how many host threads each."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Annotated, Literal, get_args

from pydantic import ConfigDict, Field

from rmixer.errors import InputError
from rmixer.hardware.machine import Machine

Sharing = Literal["process"]
SHARING: tuple[str, ...] = get_args(Sharing)
"""How jobs share a device: ``process`` gives each job a process of its own."""


@dataclass(frozen=True)
class DeviceSlots:
    """``slots`` places for a running job on ``device``, each with ``threads`` host threads."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    device: str
    slots: Annotated[int, Field(gt=0)]
    threads: Annotated[int, Field(gt=0)]
    sharing: Sharing = "process"


@dataclass(frozen=True)
class Layout:
    """Slots of every device in use. With ``in_turn`` the slots take the cores in turn and may
    outnumber them; otherwise each slot has cores of its own."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    devices: Annotated[tuple[DeviceSlots, ...], Field(min_length=1)]
    in_turn: bool = False

    def cores(self, machine: Machine, device: str, slot: int) -> tuple[int, ...]:
        """The ids of the host cores of one slot."""
        first = 0
        for entry in self.devices:
            if entry.device == device:
                first += slot * entry.threads
                break
            first += entry.slots * entry.threads
        else:
            raise KeyError(device)
        count = len(machine.cores)
        return tuple(sorted({machine.cores[(first + i) % count] for i in range(entry.threads)}))

    def profiled(self, known: Collection[int]) -> Layout:
        """The same slots, each with as many of its threads as the most of the ``known`` counts that
        it has room for, on the first of its cores; with all where there is no such count."""
        return replace(
            self,
            devices=tuple(
                replace(
                    entry,
                    threads=max((k for k in known if k <= entry.threads), default=entry.threads),
                )
                for entry in self.devices
            ),
        )

    def check(self, machine: Machine, where: object) -> None:
        """Raise :class:`InputError` unless ``machine`` has these devices and cores."""
        known = {device.name for device in machine.devices}
        named: set[str] = set()
        for entry in self.devices:
            if entry.device not in known:
                allowed = f"a device of {machine.name}: {', '.join(sorted(known))}"
                raise InputError(where, "device", repr(entry.device), allowed)
            if entry.device in named:
                raise InputError(where, "device", f"{entry.device!r} twice", "each device once")
            named.add(entry.device)
        wanted = sum(entry.slots * entry.threads for entry in self.devices)
        if not self.in_turn and wanted > len(machine.cores):
            allowed = f"at most the {len(machine.cores)} usable cores"
            raise InputError(where, "slots x threads", wanted, allowed)


def even_layout(machine: Machine, slots: int, threads: int) -> Layout:
    """``slots`` slots of ``threads`` threads on each GPU; on the CPU where there is no GPU."""
    gpus = [device for device in machine.devices if device.kind == "gpu"]
    chosen = gpus or [device for device in machine.devices if device.kind == "cpu"]
    return Layout(tuple(DeviceSlots(device.name, slots, threads) for device in chosen))
