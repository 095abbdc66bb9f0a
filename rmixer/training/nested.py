"""Handles batches of any shape: tensors, or tuples, lists and dicts of them, at any depth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Every tensor in ``value``, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors_in(item)


def moved(value: Any, device: torch.device) -> Any:
    """Moves every tensor in ``value``, and every other object with a method ``to``, to
    ``device``."""
    if hasattr(value, "to"):
        return value.to(device)
    if isinstance(value, Mapping):
        return {key: moved(item, device) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(moved(item, device) for item in value))
    if isinstance(value, (list, tuple)):
        return type(value)(moved(item, device) for item in value)
    return value


def stored_bytes(value: Any) -> int:
    """The bytes of all tensors in ``value``; for a sparse one those of its indices and values."""
    total = 0
    for tensor in tensors_in(value):
        if tensor.layout is torch.sparse_coo:
            total += tensor._indices().nbytes + tensor._values().nbytes
        else:
            total += tensor.nbytes
    return total
