"""What an operator allocates and frees within itself on an NVIDIA GPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from profiles.gpu_attention import FUSED_BACKWARD, backward_bytes
from profiles.gpu_reduction import staging_bytes
from profiles.operator_temporaries import as_sums, shifted

_SORTED_IN_PLACE = 4096
_INT64_BYTES = 8


def gpu_temporary_bytes(
    operator: Any, arguments: tuple[Any, ...], multiprocessors: int | None
) -> tuple[int, ...]:
    """Bytes of the blocks that ``operator``, a torch operator with its overload, holds beside its
    results while it works on ``arguments`` on a GPU of so many ``multiprocessors``, all of them at
    once; none where no formula is known. Workspaces of the matrix library are none of them."""
    packet = operator.overloadpacket
    if dims_at := _REDUCTIONS.get(packet):
        return _reduction(arguments, dims_at, multiprocessors)
    formula = _FORMULAS.get(packet)
    return () if formula is None else formula(arguments)


_REDUCTIONS: Mapping[Any, int] = {
    torch.ops.aten.sum: 1,
    torch.ops.aten.mean: 1,
    torch.ops.aten.amax: 1,
    torch.ops.aten.amin: 1,
    torch.ops.aten.linalg_vector_norm: 2,
}
"""And where the dimensions stand among their arguments."""


def _reduction(
    arguments: tuple[Any, ...], dims_at: int, multiprocessors: int | None
) -> tuple[int, ...]:
    dims = arguments[dims_at] if len(arguments) > dims_at else ()
    dims = dims if isinstance(dims, list | tuple) else ()
    values: Tensor = arguments[0]
    widened = as_sums(arguments) if dims_at == 1 else ()
    if widened:
        values = torch.empty(values.shape, dtype=torch.int64, device="meta")
    return (*widened, *staging_bytes(values, dims, multiprocessors))


def _sorted(arguments: tuple[Any, ...]) -> tuple[int, ...]:
    """Places in order, and keys and places once more, of one row that does not fit a block
    (``SortStable.cu``; CUB's radix sort between buffers that it must not overwrite)."""
    keys = arguments[0]
    count = keys.numel()
    if keys.dim() != 1 or count <= _SORTED_IN_PLACE:
        return ()
    return count * _INT64_BYTES, count * (keys.element_size() + _INT64_BYTES)


def _attention_backward(arguments: tuple[Any, ...]) -> tuple[int, ...]:
    return backward_bytes(arguments[1], arguments[3])


_FORMULAS: Mapping[Any, Callable[[tuple[Any, ...]], tuple[int, ...]]] = {
    torch.ops.aten.logsumexp: shifted,
    torch.ops.aten.cumsum: as_sums,
    torch.ops.aten.sort: _sorted,
    FUSED_BACKWARD: _attention_backward,
}
