"""FLOPs of operators that multiply matrices, from the shapes of their tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence

from profiles.work.operands import Operand

_PAIRS = {
    "mm": 0,
    "bmm": 0,
    "matmul": 0,
    "mv": 0,
    "dot": 0,
    "vdot": 0,
    "linear": 0,
    "addmm": 1,
    "baddbmm": 1,
    "addmv": 1,
}
"""At which of its tensors each one's pair begins; what is added to the product comes before."""
_ATTENTION = "_scaled_dot_product_"
CONVOLUTIONS = ("convolution", "convolution_backward")
PRODUCTS = (*_PAIRS, "addmm_", "baddbmm_", "addmv_")


def is_attention(name: str) -> bool:
    """Whether ``name`` (without ``aten::``) is a fused attention, forward or backward."""
    kernel = name.removeprefix(_ATTENTION).removesuffix("_backward")
    return name.startswith(_ATTENTION) and kernel in (
        "flash_attention_for_cpu",
        "flash_attention",
        "efficient_attention",
        "cudnn_attention",
    )


def convolution_flops(
    name: str, tensors: Sequence[Operand], result_bytes: int | None
) -> int | None:
    """FLOPs of a convolution with weights [out, in / groups, ...]: every element of its result is
    a sum of products with the weights of one output; backward, both gradients are as much each.
    None where the size of the result is not known."""
    backward = name.endswith("_backward")
    weights = tensors[1 + backward]
    if backward:
        results = 2 * tensors[0].elements
    elif result_bytes is not None:
        results = result_bytes // weights.item_bytes
    else:
        return None
    return 2 * results * weights.elements // weights.shape[0]


def product_size(name: str, tensors: Sequence[Operand]) -> tuple[int, int] | None:
    """FLOPs and elements of the result of the product ``name`` (without ``aten::``, in place or
    not); None where ``tensors`` are none that it takes."""
    first = _PAIRS[name.removesuffix("_")]
    if len(tensors) < first + 2:
        return None
    left, right = tensors[first].shape, tensors[first + 1].shape
    if not left or not right:
        return None
    rows, inner = math.prod(left[:-1]), left[-1]
    columns = right[0] if name == "linear" else right[-1] if len(right) > 1 else 1
    return 2 * rows * inner * columns, rows * columns


def attention_flops(name: str, tensors: Sequence[Operand]) -> int:
    """FLOPs of the matrix products of fused attention over queries [b, h, l, e], keys [b, h, s, e]
    and values [b, h, s, v]: scores and their product with the values, and backward the scores once
    more and four gradients (Dao et al., arXiv 2205.14135)."""
    backward = name.endswith("_backward")
    query, key, value = (tensor.shape for tensor in tensors[backward : backward + 3])
    pairs = math.prod(query[:-1]) * key[-2]
    if backward:
        return 2 * pairs * (3 * query[-1] + 2 * value[-1])
    return 2 * pairs * (query[-1] + value[-1])
