"""Divides a machine into slots: their number on each device, and their host threads."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from typing import Annotated, Literal, get_args

from pydantic import Field

from rmixer.errors import InputError
from rmixer.files.strict import Strict
from rmixer.hardware.machine import Machine
from rmixer.scheduling.devices import devices_with_slots

Sharing = Literal["process"]
SHARING: tuple[str, ...] = get_args(Sharing)
"""The ways in which jobs share a device; with ``process`` each job has its own process."""


@dataclass(frozen=True)
class DeviceSlots(Strict):
    """``slots`` places for a running job on ``device``, each with ``threads`` host threads."""

    device: str
    slots: Annotated[int, Field(gt=0)]
    threads: Annotated[int, Field(gt=0)]
    sharing: Sharing = "process"

    @property
    def kind(self) -> str:
        """``gpu`` or ``cpu``."""
        return self.device.partition(":")[0]


@dataclass(frozen=True)
class Layout(Strict):
    """Slots of every device in use. With ``in_turn`` the slots take the cores in turn and may
    outnumber them; otherwise slots share no cores."""

    devices: Annotated[tuple[DeviceSlots, ...], Field(min_length=1)]
    in_turn: bool = False

    @cached_property
    def _first_cores(self) -> dict[str, tuple[DeviceSlots, int]]:
        """Each device with the place of its first core."""
        sizes = accumulate((entry.slots * entry.threads for entry in self.devices), initial=0)
        return {
            entry.device: (entry, first) for entry, first in zip(self.devices, sizes, strict=False)
        }

    def cores(self, machine: Machine, device: str, slot: int) -> tuple[int, ...]:
        """The ids of the host cores of one slot. Raises :class:`KeyError` for a device without."""
        entry, first = self._first_cores[device]
        first += slot * entry.threads
        count = len(machine.cores)
        return tuple(sorted({machine.cores[(first + i) % count] for i in range(entry.threads)}))

    def profiled(self, known: Mapping[str, Collection[int]]) -> Layout:
        """The same slots with fewer threads: for each the largest of the counts ``known`` for its
        kind of device that is not above its threads, on the first of its cores. Without such a
        count it keeps all."""

        def most(entry: DeviceSlots) -> int:
            counts = known.get(entry.kind, ())
            return max((k for k in counts if k <= entry.threads), default=entry.threads)

        return replace(
            self, devices=tuple(replace(entry, threads=most(entry)) for entry in self.devices)
        )

    def check(self, machine: Machine, where: object) -> None:
        """Raises :class:`InputError` unless ``machine`` has these devices and cores."""
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


@dataclass(frozen=True)
class Cut:
    """A division for any machine: slots of each GPU and of the CPU (0: the kind is not used), and
    the host threads of each slot."""

    gpu_slots: int = 0
    cpu_slots: int = 0
    gpu_threads: int = 1
    cpu_threads: int = 1

    @classmethod
    def of(cls, layout: Layout) -> Cut:
        """The cut of ``layout``, from its first device of each kind; 0 threads for a kind without
        slots."""
        first = {entry.kind: entry for entry in reversed(layout.devices)}
        slots = {kind: entry.slots for kind, entry in first.items()}
        threads = {kind: entry.threads for kind, entry in first.items()}
        return cls(
            slots.get("gpu", 0), slots.get("cpu", 0), threads.get("gpu", 0), threads.get("cpu", 0)
        )

    def __str__(self) -> str:
        """``GPU 4 × 1, CPU 2 × 1``: slots times threads."""
        parts = []
        if self.gpu_slots:
            parts.append(f"GPU {self.gpu_slots} × {self.gpu_threads}")
        if self.cpu_slots:
            parts.append(f"CPU {self.cpu_slots} × {self.cpu_threads}")
        return ", ".join(parts)

    def cores(self, machine: Machine) -> int:
        """The host cores that the slots take on ``machine``, one for each thread."""
        on_gpus = len(machine.gpus) * self.gpu_slots * self.gpu_threads
        return on_gpus + self.cpu_slots * self.cpu_threads

    def layout(self, machine: Machine) -> Layout:
        """The slots on ``machine``, those of its GPUs first. Raises :class:`InputError` if there
        are none, or if it has too few cores."""
        slots = {
            "gpu": (self.gpu_slots, self.gpu_threads),
            "cpu": (self.cpu_slots, self.cpu_threads),
        }
        devices = tuple(
            DeviceSlots(device.name, *slots[device.kind])
            for device in machine.devices
            if slots[device.kind][0]
        )
        if not devices:
            has = "GPUs and a CPU" if machine.gpus else "a CPU alone"
            found = f"no slots: {self.gpu_slots} a GPU, {self.cpu_slots} on the CPU"
            raise InputError("slots", "", found, f"at least one; {machine.name} has {has}")
        layout = Layout(devices)
        layout.check(machine, "slots and threads")
        return layout


def even_layout(machine: Machine, slots: int, threads: int) -> Layout:
    """``slots`` slots of ``threads`` threads on each GPU; on the CPU if there is no GPU."""
    chosen = devices_with_slots(machine)
    return Layout(tuple(DeviceSlots(device.name, slots, threads) for device in chosen))
