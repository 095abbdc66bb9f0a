"""A stand-in for a GPU that is not there: torch's ``meta`` device, whose tensors have shapes but no
memory. The step's code only asks if a device is the CPU, so it follows the GPU's path.

Attention is as an NVIDIA GPU computes it in single precision: fused, memory-efficient, with a
buffer in the backward pass for the gradients of the queries.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from torch.optim import optimizer
from torch.overrides import TorchFunctionMode
from torch.utils import _foreach_utils

from rmixer.models.base import RecommendationModel
from rmixer.models.entry import ModelEntry

_FUSED = torch.ops.aten._scaled_dot_product_efficient_attention.default
FUSED_BACKWARD = torch.ops.aten._scaled_dot_product_efficient_attention_backward
_ALIGNED = 4
"""Heads of other widths are not fused."""
_NARROW = 64
_KEYS = 64
_LOCK_BYTES = 16


class FusedAttention(TorchFunctionMode):
    """While it is active, attention of a model on the stand-in for a GPU runs the operators that it
    runs on a GPU: without mask, dropout or causality, which no model of the library uses. Other
    attention is unchanged, also that within torch's own functions, like ``nn.MultiheadAttention``
    (aten/src/ATen/native/transformers/cuda/sdp_utils.cpp)."""

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Calls ``func``, or the fused operator in its place."""
        if func is scaled_dot_product_attention:
            fused = _Attention(*args, **(kwargs or {})).fused()
            if fused is not None:
                return fused
        return func(*args, **(kwargs or {}))


@dataclass(frozen=True, eq=False)
class _Attention:
    """A call of ``scaled_dot_product_attention``, by the names of its arguments."""

    query: Tensor
    key: Tensor
    value: Tensor
    attn_mask: Tensor | None = None
    dropout_p: float = 0.0
    is_causal: bool = False
    scale: float | None = None
    enable_gqa: bool = False

    def fused(self) -> Tensor | None:
        """The result of the fused operator; None if a GPU would not use it."""
        tensors = (self.query, self.key, self.value)
        special = self.attn_mask is not None or self.dropout_p or self.is_causal or self.enable_gqa
        fit = all(
            tensor.is_meta
            and tensor.dim() == 4
            and tensor.shape[:2] == self.query.shape[:2]
            and tensor.dtype == torch.float32
            and tensor.numel() > 0
            and tensor.stride(3) == 1
            and tensor.shape[3] % _ALIGNED == 0
            for tensor in tensors
        )
        if special or not fit:
            return None
        trained = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
        attended: Tensor = _FUSED(*tensors, None, trained, scale=self.scale)[0]
        return attended


def backward_bytes(query: Tensor, value: Tensor) -> tuple[int, int]:
    """Bytes of the backward pass's buffers for ``query`` and ``value``, [batch, heads, length,
    width]: a number for each query, and the gradients of blocks of queries with a lock for each
    (``attention_backward.cu`` and ``mem_eff_attention/kernel_backward.h``, ``workspace_size``).
    Blocks have 64 queries, for heads wider than 64 twice as many (before Ampere 64 too)."""
    batch, heads, length, width = query.shape
    rows = _NARROW if max(width, value.shape[3]) <= _NARROW else 2 * _NARROW
    blocks = -(-length // rows) * -(-width // _KEYS)
    of_head = blocks * (_LOCK_BYTES + rows * _KEYS * 4)
    return batch * heads * length * 4, batch * heads * of_head


STAND_IN = "meta"


@contextmanager
def absent_gpu() -> Iterator[None]:
    """Until it ends, models are built on the stand-in, which has all that the step needs of a GPU.
    It asks no driver: it works in a torch without CUDA, and creates no context in one with it.

    Tensors of several parameters are handled at once, as torch does only on GPUs. Random numbers
    are never drawn, so a generator of the CPU is enough. Attention is fused. There is no mixed
    precision: the caller must refuse it.
    """
    supported = "_get_foreach_kernels_supported_devices"
    with ExitStack() as stack:
        for place in (_foreach_utils, optimizer):
            stack.enter_context(patch.object(place, supported, lambda: [STAND_IN]))
        stack.enter_context(patch.object(torch, "Generator", _HostGenerator))
        stack.enter_context(patch.object(torch, "autocast", _Autocast))
        stack.enter_context(patch.object(torch, "is_autocast_enabled", _is_autocast_enabled))
        stack.enter_context(patch.object(ModelEntry, "build", _build))
        stack.enter_context(FusedAttention())
        yield


_is_enabled, _build_on_host = torch.is_autocast_enabled, ModelEntry.build


def _build(entry: ModelEntry, rows_cap: int | None = None) -> RecommendationModel:
    """Builds the model directly on the stand-in; moving it there from the host would create its
    tables first."""
    with torch.device(STAND_IN):
        return _build_on_host(entry, rows_cap)


def _is_autocast_enabled(kind: str) -> bool:
    return kind != STAND_IN and _is_enabled(kind)


class _HostGenerator(torch.Generator):
    def __new__(cls, device: Any = "cpu") -> _HostGenerator:
        return super().__new__(cls, "cpu")  # type: ignore[call-arg]


class _Autocast(torch.autocast):
    def __init__(self, device_type: str, dtype: Any = None, enabled: bool = True) -> None:
        on_host = device_type == STAND_IN
        super().__init__("cpu" if on_host else device_type, dtype, enabled and not on_host)
