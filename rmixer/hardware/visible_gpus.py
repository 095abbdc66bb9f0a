"""Which GPUs a process sees, as CUDA reads it from the environment before it starts."""

from __future__ import annotations

import os
from collections.abc import Mapping

VISIBLE = "CUDA_VISIBLE_DEVICES"


def named_gpus(environment: Mapping[str, str] = os.environ) -> tuple[str, ...] | None:
    """The GPUs that ``CUDA_VISIBLE_DEVICES`` names, in its order: numbers, ``GPU-<uuid>`` or
    ``MIG-<uuid>``. As CUDA does, up to the first that names none (CUDA C++ Programming Guide,
    "CUDA Environment Variables"). None if it is not set: all are seen."""
    text = environment.get(VISIBLE)
    if text is None:
        return None
    names: list[str] = []
    for name in (each.strip() for each in text.split(",")):
        if not name or name.startswith("-"):
            break
        names.append(name)
    return tuple(names)


def sees_only(gpu: int | None) -> dict[str, str]:
    """The environment in which a process that this one starts sees, of the GPUs that this one
    sees, number ``gpu`` alone; none if that is None, or if there is no such GPU."""
    if gpu is None:
        return {VISIBLE: ""}
    names = named_gpus()
    if names is None:
        return {VISIBLE: str(gpu)}
    return {VISIBLE: names[gpu] if gpu < len(names) else ""}
