"""The part of this machine that an execution uses, and checks that the machine has it."""

from __future__ import annotations

import os

from experiments.stages.inputs import held_bytes
from profiles.machines import limits
from rmixer.display.quantities import size
from rmixer.errors import InputError
from rmixer.hardware.allowance import spans
from rmixer.hardware.machine import Machine, gpu_number
from rmixer.hardware.visible_gpus import VISIBLE

FEW_SHARED = 256 << 20
"""A smaller /dev/shm may be too small for the batches that data loaders pass."""


def use_of(machine: Machine) -> str:
    """A line about the part of the machine that a run uses, and its limits."""
    total, used = limits.usable_memory_bytes(), limits.used_memory_bytes()
    memory = f"{size(machine.memory_bytes)} of memory, {size(used)} of it in use by others"
    left = total - machine.memory_bytes
    free = f" ({size(left)} stay free)" if left > 0 else ""
    visible = os.environ.get(VISIBLE)
    said = "" if visible is None else f"; {VISIBLE} is {visible!r}"
    shared = limits.shared_memory_bytes()
    few = f"; /dev/shm has {size(shared)}: little for data loaders" if shared < FEW_SHARED else ""
    cores, gpus = spans(machine.cores), _gpus_in_use(machine)
    return f"training on cores {cores}, {memory}{free}{gpus}{said}{few}"


def _gpus_in_use(machine: Machine) -> str:
    """``; on gpu:0 (NVIDIA H200, 140 GiB of memory, 1.2 GiB of it in use by others)``."""
    held = held_bytes(machine)
    names = [device.name for device in machine.devices if device.kind == "gpu"]
    words = []
    for name, gpu in zip(names, machine.gpus, strict=True):
        used = f", {size(held[name])} of it in use by others" if name in held else ""
        words.append(f"{name} ({gpu.name}, {size(gpu.memory_bytes)} of memory{used})")
    return f"; on {', '.join(words)}" if words else ""


def check_cores(machine: Machine) -> None:
    """Raises :class:`InputError` if ``machine`` has cores that this process may not use: a machine
    that is only simulated here cannot execute."""
    usable = set(limits.usable_cores())
    missing = [core for core in machine.cores if core not in usable]
    if missing:
        found = f"cores {missing}, which this process may not use"
        allowed = f"a schedule for a machine like this one, with cores {sorted(usable)}"
        raise InputError(f"machine {machine.name}", "cores", found, allowed)


def check_gpus(machine: Machine) -> None:
    """Raises :class:`InputError` if ``machine`` has GPUs that this process does not see."""
    wanted = [device.name for device in machine.devices if device.kind == "gpu"]
    seen = limits.usable_gpus() if wanted else 0
    missing = [name for name in wanted if (gpu_number(name) or 0) >= seen]
    if missing:
        found = f"{', '.join(missing)}, which this process does not see"
        sees = f"it sees {seen}" if seen else "it sees none"
        allowed = f"a schedule without: {sees} ({VISIBLE} and the driver decide)"
        raise InputError(f"machine {machine.name}", "gpus", found, allowed)
