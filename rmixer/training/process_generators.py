"""The random generators of the process, which a user's own model draws from."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch


def generators_state(device: torch.device) -> dict[str, Any]:
    """The states of torch's generators (of the CPU and of ``device``), of NumPy's and of Python's,
    as tensors and plain values."""
    of_numpy: Any = np.random.get_state()
    kind, keys, *rest = of_numpy
    on_gpu = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    return {
        "torch": torch.get_rng_state(),
        "device": on_gpu,
        "numpy": (kind, torch.from_numpy(keys.astype(np.int64)), *rest),
        "python": random.getstate(),
    }


def set_generators(state: dict[str, Any], device: torch.device) -> None:
    """Restores the generators to the result of :func:`generators_state`."""
    torch.set_rng_state(state["torch"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state["device"], device)
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))
    random.setstate(state["python"])
