"""Facts about a GPU before a run: its name, multiprocessors and memory, and the memory of a
driver's context."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from profiles.stored.store import Store
from rmixer.errors import InputError


@dataclass(frozen=True)
class KnownGpu:
    """``name`` as in the driver, ``context_bytes`` of a process without tensors, the number of
    ``multiprocessors`` and all ``memory_bytes``; None means unknown."""

    name: str | None = None
    context_bytes: int | None = None
    multiprocessors: int | None = None
    memory_bytes: int | None = None


UNKNOWN_GPU = KnownGpu()


def known_gpu(store: Store, machine: str | None) -> KnownGpu:
    """The first GPU of the known machine of this name (None: this machine, if it is known and has
    one), and the median context of the profiles that were measured on it. Raises
    :class:`InputError` for a machine without a GPU."""
    found = store.known_machine() if machine is None else store.machine(machine)
    if found is None or (machine is None and not found.gpus):
        return UNKNOWN_GPU
    if not found.gpus:
        machines = map(store.machine, store.machines())
        names = ", ".join(sorted(known.name for known in machines if known.gpus))
        raise InputError("--machine", "", repr(machine), f"a machine with a GPU: {names}")
    gpu = found.gpus[0]
    measured = [
        memory.context_bytes
        for profile in store.profiles(found.name)
        if profile.origin == "measured"
        for memory in profile.memory
        if memory.device == "gpu" and memory.context_bytes is not None
    ]
    context_bytes = int(statistics.median(measured)) if measured else None
    return KnownGpu(gpu.name, context_bytes, gpu.multiprocessors, gpu.memory_bytes)
