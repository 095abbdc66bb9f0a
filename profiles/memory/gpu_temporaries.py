"""Memory that an operator allocates and frees within itself on an NVIDIA GPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
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
    if widened := as_sums(arguments):
        arguments = (torch.empty_like(arguments[0], dtype=torch.int64), *arguments[1:])
    return (*widened, *_reduced(arguments, multiprocessors, 1, _FLOAT_BYTES))


def _reduced(
    arguments: tuple[Any, ...], multiprocessors: int | None, at: int, least_bytes: int = 0
) -> tuple[int, ...]:
    """Of a reduction over the dimensions in the argument ``at`` that place, all if it is empty. It
    keeps its type if that has ``least_bytes``."""
    values = arguments[0]
    given = arguments[at] if len(arguments) > at else ()
    kept_bytes = max(values.element_size(), least_bytes)
    dims = given if isinstance(given, list | tuple) else ()
    return staging_bytes(values, dims, multiprocessors, kept_bytes)


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
    torch.ops.aten.amax: partial(_reduced, at=1),
    torch.ops.aten.amin: partial(_reduced, at=1),
    torch.ops.aten.linalg_vector_norm: partial(_reduced, at=2, least_bytes=_FLOAT_BYTES),
    torch.ops.aten.logsumexp: lambda arguments, _: shifted(arguments),
    torch.ops.aten.cumsum: lambda arguments, _: as_sums(arguments),
    torch.ops.aten.sort: _sorted,
    FUSED_BACKWARD: lambda arguments, _: backward_bytes(arguments[1], arguments[3]),
}
