"""Attention as an NVIDIA GPU computes it in single precision: fused, memory-efficient, with a
buffer in the backward pass for the gradients of the queries."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode

_FUSED = torch.ops.aten._scaled_dot_product_efficient_attention.default
FUSED_BACKWARD = torch.ops.aten._scaled_dot_product_efficient_attention_backward
_ALIGNED = 4
"""Heads of other widths are not fused."""
_NARROW = 64
_KEYS = 64
_LOCK_BYTES = 16


class FusedAttention(TorchFunctionMode):
    """While it is active, attention on the stand-in for a GPU runs the operators that it does on
    one: without mask, dropout or causality, which no model of the library asks for; others stay
    as they are (aten/src/ATen/native/transformers/cuda/sdp_utils.cpp)."""

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Call ``func``, or the fused operator in its place."""
        if func is scaled_dot_product_attention and not kwargs and _is_fused(args):
            trained = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in args)
            return _FUSED(*args, None, trained)[0]
        return func(*args, **(kwargs or {}))


def _is_fused(tensors: tuple[Any, ...]) -> bool:
    return len(tensors) == 3 and all(
        tensor.dim() == 4 and tensor.is_meta and tensor.shape[3] % _ALIGNED == 0
        for tensor in tensors
    )


def backward_bytes(query: Tensor, value: Tensor) -> tuple[int, int]:
    """Bytes of the backward pass's buffers for ``query`` and ``value``, [batch, heads, length,
    width]: a number for each query, and the gradients of blocks of queries with a lock for each
    (``attention_backward.cu`` and ``mem_eff_attention/kernel_backward.h``, ``workspace_size``).
    Blocks have 64 queries, of heads wider than 64 twice as many.
    """
    batch, heads, length, width = query.shape
    rows = _NARROW if max(width, value.shape[3]) <= _NARROW else 2 * _NARROW
    blocks = -(-length // rows) * -(-width // _KEYS)
    of_head = blocks * (_LOCK_BYTES + rows * _KEYS * 4)
    return batch * heads * length * 4, batch * heads * of_head
