"""FLOPs of operators that multiply matrices, from the shapes of their tensors."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from profiles.work.operands import Argument, Flags, Operand, tensors_in

_PAIRS = dict.fromkeys(("mm", "bmm", "matmul", "mv", "dot", "vdot", "linear"), 0)
_PAIRS |= dict.fromkeys(("addmm", "baddbmm", "addmv"), 1)
"""The place of each one's pair among its tensors; a summand of the product comes before."""
_ATTENTION = "_scaled_dot_product_"
CONVOLUTIONS = ("convolution", "convolution_backward")
_TRANSPOSED = 6
"""The place of this argument; one further for the backward pass."""
RECURRENT = ("mkldnn_rnn_layer", "mkldnn_rnn_layer_backward")
PRODUCTS = (*_PAIRS, "addmm_", "baddbmm_", "addmv_")


def is_attention(name: str) -> bool:
    """True if ``name`` (without ``aten::``) is a fused attention, forward or backward."""
    kernel = name.removeprefix(_ATTENTION).removesuffix("_backward")
    fused = ("flash_attention_for_cpu", "flash_attention", "efficient_attention", "cudnn_attention")
    return name.startswith(_ATTENTION) and kernel in fused


def convolution_flops(
    name: str, arguments: Sequence[Argument], result_bytes: int | None
) -> int | None:
    """FLOPs of a convolution with weights [out, in / groups, ...]: every element of its result is a
    sum of products with the weights of one output; of a transposed one, whose weights are [in, out
    / groups, ...], every element of its input takes part in as many. Backward, the gradients of
    input and weights take as much each; both count if it is unknown which are computed. None if the
    size of the result, or the kind, is unknown."""
    backward = name.endswith("_backward")
    tensors = list(tensors_in(arguments))
    weights = tensors[1 + backward]
    transposed = arguments[_TRANSPOSED + backward]
    if not isinstance(transposed, int):
        return None
    if transposed:
        pixels = tensors[backward].elements
    elif backward:
        pixels = tensors[0].elements
    elif result_bytes is not None:
        pixels = result_bytes // weights.item_bytes
    else:
        return None
    once = 2 * pixels * weights.elements // weights.shape[0]
    wanted = arguments[-1]
    gradients = sum(wanted.values[:2]) if isinstance(wanted, Flags) else 2
    return once * gradients if backward else once


def recurrent_flops(name: str, tensors: Sequence[Operand]) -> int:
    """FLOPs of the matrix products of one LSTM layer in one direction over inputs [t, b, in] with
    weights [4 h, in] and [4 h, h]; backward twice as many, for gradients of values and weights."""
    inputs, *weights = tensors[:3]
    once = 2 * inputs.elements // inputs.shape[-1] * sum(each.elements for each in weights)
    return 2 * once if name.endswith("_backward") else once


def product_size(name: str, tensors: Sequence[Operand]) -> tuple[int, int] | None:
    """FLOPs and elements of the result of the product ``name`` (without ``aten::``, in place or
    not); None if ``tensors`` are not its arguments."""
    first = _PAIRS[name.removesuffix("_")]
    if len(tensors) < first + 2:
        return None
    left, right = tensors[first].shape, tensors[first + 1].shape
    if not left or not right:
        return None
    if name == "matmul" and len(right) > 2:
        batch = math.prod(_broadcast(left[:-2], right[:-2]))
        rows, inner = batch * (left[-2] if len(left) > 1 else 1), left[-1]
    else:
        rows, inner = math.prod(left[:-1]), left[-1]
    columns = right[0] if name == "linear" else right[-1] if len(right) > 1 else 1
    return 2 * rows * inner * columns, rows * columns


def _broadcast(one: Sequence[int], other: Sequence[int]) -> list[int]:
    """The common shape of two that are broadcast to each other."""
    pairs = itertools.zip_longest(reversed(one), reversed(other), fillvalue=1)
    return [b if a == 1 else a for a, b in pairs]


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
