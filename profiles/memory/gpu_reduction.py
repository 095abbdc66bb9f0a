"""The staging memory of a sum, mean, maximum or norm on an NVIDIA GPU.

A reduction that is divided among several thread blocks for each result keeps their parts in a
buffer of torch's allocator. This is often larger than its input, if a few columns of many rows are
added, as for the gradient of a bias. The rules are those of PyTorch's
``aten/src/ATen/native/cuda/Reduce.cuh`` (``setReduceConfig``) and, for the order of dimensions,
``aten/src/ATen/TensorIterator.cpp``.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from torch import Tensor

UNKNOWN_MULTIPROCESSORS = 108
"""The multiprocessors of an A100."""
THREADS_PER_MULTIPROCESSOR = 2048
"""The threads of an A100, H100 or B200; a T4 has 1024, most others 1536. It matters only for large
inputs."""
_WARP, _MOST_THREADS = 32, 512
_MOST_VALUES, _LEAST_VALUES = 256, 16
"""Values that a thread adds before blocks share the work of a result, and after."""
_VECTOR = 4
_COUNTER_BYTES = 4


@dataclass(frozen=True)
class _Dims:
    """Dimensions in the order of work: reduced ones first, from the smallest stride on, then the
    others from the last, which is the results' order; neighbours that make one run joined. Expanded
    ones, of stride 0, stay where they were. Strides are in elements."""

    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    reduced: int


def staging_bytes(
    values: Tensor,
    dims: Collection[int],
    multiprocessors: int | None = None,
    kept_bytes: int | None = None,
) -> tuple[int, ...]:
    """Bytes of the buffers for reducing ``values`` over ``dims`` (all if empty): the results of its
    blocks, ``kept_bytes`` each (default: those of an element), and a counter for each group of
    them; none if each result is of one block. An input of more than 2 GiB, which is divided first,
    is treated as a whole, and the result may be up to twice too large."""
    reduced = {dim % values.dim() for dim in dims} if values.dim() else set()
    reduced = reduced or set(range(values.dim()))
    if values.numel() == 0:
        return ()
    results = math.prod(size for dim, size in enumerate(values.shape) if dim not in reduced)
    per_result = values.numel() // results
    ordered = _in_order(values, reduced)
    along_rows = ordered.reduced == len(ordered.sizes) or (
        ordered.strides[0] < ordered.strides[ordered.reduced]
    )
    vector = _results_at_once(values, ordered, along_rows)
    wide, high = (per_result, results) if along_rows else (results // vector, per_result)
    if along_rows and wide >= 128 and ordered.reduced == 1 and ordered.strides[:1] == (1,):
        wide //= _VECTOR
    width, height = _block(wide, high, _MOST_THREADS // vector)
    values_each = _divided(per_result, width if along_rows else 1)
    if values_each < min(height * 16, _MOST_VALUES):
        return ()  # rows of a block have results of their own
    values_each = _divided(per_result, height * (width if along_rows else 1))
    groups = _divided(results // vector, 1 if along_rows else width)
    at_once = (multiprocessors or UNKNOWN_MULTIPROCESSORS) * (
        THREADS_PER_MULTIPROCESSOR // (width * height)
    )
    if values_each < _MOST_VALUES or groups > at_once:
        return ()
    blocks = min(_divided(at_once, groups), _divided(values_each, _LEAST_VALUES))
    blocks = max(blocks, _divided(values_each, _MOST_VALUES))
    if blocks == 1:
        return ()
    parts = results * blocks * (1 if along_rows else width * vector)
    return (kept_bytes or values.element_size()) * parts, _COUNTER_BYTES * groups


def _block(wide: int, high: int, threads: int) -> tuple[int, int]:
    """Width and height of a block of at most ``threads``, powers of two."""
    # The largest powers of two that are not above the sizes.
    widest, highest = (min(1 << (max(size, 1).bit_length() - 1), threads) for size in (wide, high))
    height = min(highest, threads // min(widest, _WARP))
    return min(widest, threads // height), height


def _results_at_once(values: Tensor, ordered: _Dims, along_rows: bool) -> int:
    """The number of neighbouring results of a thread: the largest, up to 4, that divides all
    sizes."""
    at = ordered.reduced
    if along_rows or ordered.strides[at] != 1:
        return 1
    others = (stride for dim, stride in enumerate(ordered.strides) if dim != at)
    return math.gcd(_VECTOR, int(values.storage_offset()), ordered.sizes[at], *others)


def _in_order(values: Tensor, reduced: Collection[int]) -> _Dims:
    shape, strides = values.shape, values.stride()
    order = list(range(values.dim() - 1, -1, -1))
    for start in range(1, len(order)):
        at = start
        for before in range(start - 1, -1, -1):
            goes_after = _goes_after(values, reduced, order[before], order[at])
            if goes_after:
                order[before], order[at] = order[at], order[before]
                at = before
            elif goes_after is False:
                break
    runs: list[tuple[int, int, bool]] = []
    for dim in order:
        size, stride, goes = shape[dim], strides[dim], dim in reduced
        if size == 1:
            continue
        if runs and runs[-1][2] == goes and runs[-1][0] * runs[-1][1] == stride:
            size, stride = runs[-1][0] * size, runs[-1][1]
            runs.pop()
        runs.append((size, stride, goes))
    sizes, in_elements, _ = zip(*runs, strict=True) if runs else ((), (), ())
    return _Dims(tuple(sizes), tuple(in_elements), sum(goes for *_, goes in runs))


def _goes_after(values: Tensor, reduced: Collection[int], first: int, second: int) -> bool | None:
    """True if dimension ``first`` goes after ``second``; None if their order is free."""
    if (first in reduced) != (second in reduced):
        return second in reduced
    if first not in reduced:
        return first < second
    stride, other = values.stride(first), values.stride(second)
    if stride == 0 or other == 0:
        return None
    if stride != other:
        return stride > other
    return True if values.shape[first] > values.shape[second] else None


def _divided(count: int, by: int) -> int:
    return -(-count // by)
