"""Memory that an operator allocates and frees within itself on an NVIDIA GPU."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch

from profiles.memory.absent_gpu import FUSED_BACKWARD, backward_bytes
from profiles.memory.gpu_reduction import staging_bytes
from profiles.memory.operator_temporaries import as_sums, shifted

_SORTED_IN_PLACE = 4096
_INT64_BYTES, _FLOAT_BYTES = 8, 4


def gpu_temporary_bytes(
    operator: Any, arguments: tuple[Any, ...], multiprocessors: int | None
) -> tuple[int, ...]:
    """Bytes of the blocks that ``operator``, a torch operator with its overload, holds besides its
    results while it works on ``arguments`` on a GPU with ``multiprocessors``, all of them at once;
    none if no formula is known. Workspaces of the matrix library are not included."""
    formula = _FORMULAS.get(operator.overloadpacket)
    return () if formula is None else formula(arguments, multiprocessors)


def _sum(arguments: tuple[Any, ...], multiprocessors: int | None) -> tuple[int, ...]:
    """Of numbers at least as wide as a float, integers as int64. A sum of another type than its
    input is not considered."""
    values, dims = arguments[0], _dims(arguments, 1)
    widened = as_sums(arguments)
    if widened:
        values = torch.empty_like(values, dtype=torch.int64)
    kept_bytes = max(values.element_size(), _FLOAT_BYTES)
    return (*widened, *staging_bytes(values, dims, multiprocessors, kept_bytes))


def _extreme(arguments: tuple[Any, ...], multiprocessors: int | None) -> tuple[int, ...]:
    """Of a maximum or minimum, which keeps its type."""
    return staging_bytes(arguments[0], _dims(arguments, 1), multiprocessors)


def _norm(arguments: tuple[Any, ...], multiprocessors: int | None) -> tuple[int, ...]:
    kept_bytes = max(arguments[0].element_size(), _FLOAT_BYTES)
    return staging_bytes(arguments[0], _dims(arguments, 2), multiprocessors, kept_bytes)


def _dims(arguments: tuple[Any, ...], at: int) -> Collection[int]:
    """The dimensions in the argument ``at`` that place; empty for all of them."""
    given = arguments[at] if len(arguments) > at else ()
    return given if isinstance(given, list | tuple) else ()


def _sorted(arguments: tuple[Any, ...], _: int | None) -> tuple[int, ...]:
    """Places in order, and keys and places once more, for one row that does not fit a block
    (``SortStable.cu``; CUB's radix sort between buffers that it must not overwrite)."""
    keys = arguments[0]
    count = keys.numel()
    if keys.dim() != 1 or count <= _SORTED_IN_PLACE:
        return ()
    return count * _INT64_BYTES, count * (keys.element_size() + _INT64_BYTES)


_FORMULAS: Mapping[Any, Callable[[tuple[Any, ...], int | None], tuple[int, ...]]] = {
    torch.ops.aten.sum: _sum,
    torch.ops.aten.mean: _sum,
    torch.ops.aten.amax: _extreme,
    torch.ops.aten.amin: _extreme,
    torch.ops.aten.linalg_vector_norm: _norm,
    torch.ops.aten.logsumexp: lambda arguments, _: shifted(arguments),
    torch.ops.aten.cumsum: lambda arguments, _: as_sums(arguments),
    torch.ops.aten.sort: _sorted,
    FUSED_BACKWARD: lambda arguments, _: backward_bytes(arguments[1], arguments[3]),
}
