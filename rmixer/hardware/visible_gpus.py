"""The GPUs that a process sees, as CUDA reads them from the environment before it starts."""

from __future__ import annotations

import os
from collections.abc import Mapping

VISIBLE = "CUDA_VISIBLE_DEVICES"


def named_gpus(environment: Mapping[str, str] = os.environ) -> tuple[str, ...] | None:
    """The GPUs in ``CUDA_VISIBLE_DEVICES``, in its order: numbers, ``GPU-<uuid>`` or
    ``MIG-<uuid>``. Like CUDA it stops at the first that names none (CUDA C++ Programming Guide,
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
    """The environment in which a new process sees only GPU number ``gpu`` of those that this one
    sees. It sees none if ``gpu`` is None or does not exist."""
    if gpu is None:
        return {VISIBLE: ""}
    names = named_gpus()
    if names is None:
        return {VISIBLE: str(gpu)}
    return {VISIBLE: names[gpu] if gpu < len(names) else ""}
