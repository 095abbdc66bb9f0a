"""What an operator allocates and frees within itself on the CPU: fake tensors show only what it
returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

_INT64_BYTES = 8
_RADIX_LEAST = 32768
"""``at::internal::GRAIN_SIZE``: so many integers, or more, are sorted by their digits."""
_WIDE_ROW = 16
"""Narrower ones it adds element by element."""

_Formula = Callable[[tuple[Any, ...]], tuple[int, ...]]


def temporary_bytes(operator: Any, arguments: tuple[Any, ...]) -> tuple[int, ...]:
    """Bytes of the blocks that ``operator``, a torch operator with its overload, holds beside its
    results while it works on ``arguments``, all of them at once; none where no formula is known.

    From ATen's sources, and as malloc was seen to be called: a formula is here for every operator
    of the library's models that takes over 400 KB at a batch of 512, but for the backward of layer
    normalisation, at most 1 MB.
    """
    formula = _FORMULAS.get(operator.overloadpacket)
    return () if formula is None else formula(arguments)


def shifted(arguments: tuple[Any, ...]) -> tuple[int, ...]:
    """Of ``logsumexp``, ``exp(x - max)`` as large as x (ReduceOps.cpp, ``logsumexp_out_impl``)."""
    return (arguments[0].nbytes,)


def as_sums(arguments: tuple[Any, ...]) -> tuple[int, ...]:
    """Of a sum, narrower integers as the int64 that their sum has (ReduceOps.cpp)."""
    kind = arguments[0].dtype
    narrower = not kind.is_floating_point and kind.itemsize < _INT64_BYTES
    return (arguments[0].numel() * _INT64_BYTES,) if narrower else ()


def _keys_and_places(arguments: tuple[Any, ...]) -> tuple[int, ...]:
    """Of one row, keys and places once more where digits are sorted by; else half of them, as pairs
    of 16 bytes, which C++'s stable sort merges from (SortingKernel.cpp)."""
    keys = arguments[0]
    if keys.dim() != 1:
        return ()
    count = keys.numel()
    if count >= _RADIX_LEAST and not keys.dtype.is_floating_point:
        return (count * keys.element_size(), count * _INT64_BYTES)
    return (count // 2 * 2 * _INT64_BYTES,)


def _rows_in_order(arguments: tuple[Any, ...]) -> tuple[int, ...]:
    """Ids and their places, and room to sort both, where rows of 16 elements or more are added to;
    and of each row that is found its id and its first place, at most as many as there are
    (ScatterGatherKernel.cpp, ``cpu_scatter_reduce_expanded_index``)."""
    rows, dim, index = arguments[:3]
    whole = dim == 0 and index.dim() == 2 and index.stride(1) == 0
    if not whole or index.shape[1] < _WIDE_ROW or not rows.dtype.is_floating_point:
        return ()
    found = min(len(rows), len(index))
    return (*(len(index) * _INT64_BYTES,) * 4, *(found * _INT64_BYTES,) * 2)


def _as_the_input(arguments: tuple[Any, ...]) -> tuple[int, ...]:
    """A second result that batch normalisation's backward pass allocates and does not touch, as
    seen on the CPU, unless its gradient is expanded."""
    gradient, values = arguments[:2]
    return (values.nbytes,) if gradient.is_contiguous() else ()


_FORMULAS: Mapping[Any, _Formula] = {
    torch.ops.aten.logsumexp: shifted,
    torch.ops.aten.sum: as_sums,
    torch.ops.aten.cumsum: as_sums,
    torch.ops.aten.sort: _keys_and_places,
    torch.ops.aten.native_batch_norm_backward: _as_the_input,
    torch.ops.aten.scatter_add_: _rows_in_order,
}
