"""Memory that an operator allocates and frees within itself on the CPU: fake tensors show only its
results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

_INT64_BYTES = 8
_RADIX_LEAST = 32768
"""``at::internal::GRAIN_SIZE``: so many integers, or more, are sorted by their digits."""
_WIDE_ROW = 16
"""Narrower rows are added element by element."""

_Formula = Callable[[tuple[Any, ...]], tuple[int, ...]]


def temporary_bytes(operator: Any, arguments: tuple[Any, ...]) -> tuple[int, ...]:
    """Bytes of the blocks that ``operator``, a torch operator with its overload, holds besides its
    results while it works on ``arguments``, all of them at once; none if no formula is known.

    The formulas come from ATen's sources and observed calls of malloc. There is one for every
    operator of the library's models that takes over 400 KB at a batch of 512, but for the backward
    of layer normalisation, at most 1 MB.
    """
    formula = _FORMULAS.get(operator.overloadpacket)
    return () if formula is None else formula(arguments)


def shifted(arguments: tuple[Any, ...]) -> tuple[int, ...]:
    """For ``logsumexp``: ``exp(x - max)``, as large as x (ReduceOps.cpp,
    ``logsumexp_out_impl``)."""
    return (arguments[0].nbytes,)


def as_sums(arguments: tuple[Any, ...]) -> tuple[int, ...]:
    """For a sum: narrower integers as the int64 of their sum (ReduceOps.cpp)."""
    kind = arguments[0].dtype
    narrower = not kind.is_floating_point and kind.itemsize < _INT64_BYTES
    return (arguments[0].numel() * _INT64_BYTES,) if narrower else ()


def _keys_and_places(arguments: tuple[Any, ...]) -> tuple[int, ...]:
    """For one row: keys and places once more if it is sorted by digits; else half of them, as pairs
    of 16 bytes, from which C++'s stable sort merges (SortingKernel.cpp)."""
    keys = arguments[0]
    if keys.dim() != 1:
        return ()
    count = keys.numel()
    if count >= _RADIX_LEAST and not keys.dtype.is_floating_point:
        return (count * keys.element_size(), count * _INT64_BYTES)
    return (count // 2 * 2 * _INT64_BYTES,)


def _rows_in_order(arguments: tuple[Any, ...]) -> tuple[int, ...]:
    """Ids and their places, and room to sort both, if rows of at least 16 elements are added to;
    and for each row that is found its id and its first place, at most as many as there are
    (ScatterGatherKernel.cpp, ``cpu_scatter_reduce_expanded_index``)."""
    rows, dim, index = arguments[:3]
    whole = dim == 0 and index.dim() == 2 and index.stride(1) == 0
    if not whole or index.shape[1] < _WIDE_ROW or not rows.dtype.is_floating_point:
        return ()
    found = min(len(rows), len(index))
    return (*(len(index) * _INT64_BYTES,) * 4, *(found * _INT64_BYTES,) * 2)


def _as_the_input(arguments: tuple[Any, ...]) -> tuple[int, ...]:
    """A second result that batch normalisation's backward pass allocates and does not use, as seen
    on the CPU, unless its gradient is expanded."""
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
