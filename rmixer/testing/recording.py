"""Records the operators of a step with their shapes, and those that a CUDA graph cannot capture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

READS_BACK = frozenset(
    f"aten::{name}"
    for name in (
        *("_local_scalar_dense", "_unique", "_unique2", "equal", "is_nonzero", "item"),
        *("masked_select", "nonzero", "repeat_interleave", "unique_consecutive", "unique_dim"),
        *("_coalesce", "bincount"),
    )
)
"""Operators that read a value back to Python, or whose output's shape depends on values."""
MASKED = "aten::index with a boolean mask"
_INDEX = ("aten::index", "aten::index_put", "aten::index_put_")


@dataclass(frozen=True)
class Call:
    """One operator, with the shapes of its tensor arguments and results."""

    name: str
    shapes: tuple[tuple[int, ...], ...]


class Recorder(TorchDispatchMode):
    """Records every operator that runs while it is active."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func._schema.name
        if name in _INDEX and any(i is not None and i.dtype is torch.bool for i in args[1]):
            name = MASKED
        results = result if isinstance(result, (list, tuple)) else (result,)
        given = (*args, *(kwargs or {}).values(), *results)
        shapes = tuple(tuple(value.shape) for value in given if isinstance(value, Tensor))
        self.calls.append(Call(name, shapes))
        return result


def recorded(phase: Callable[[], Any]) -> tuple[list[Call], Any]:
    """The operators of one phase, and its return value."""
    with Recorder() as recorder:
        result = phase()
    return recorder.calls, result


def read_backs(calls: list[Call]) -> list[str]:
    """The names among ``calls`` that cannot be captured, each once."""
    found = (call.name for call in calls if call.name in READS_BACK or call.name == MASKED)
    return list(dict.fromkeys(found))
