"""The wide end of DIFM's attention, a few samples at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# The hidden layer of so many samples, 16 heads of 80 for 27 fields, is 4.4 MB: it stays in cache.
CHUNK_SAMPLES = 32


def attended_factors(context: Tensor, vectors: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Σ_h flat(ReLU([context_h, vectors] first_h)) second_h: [B, F, H, d] and [B, F, d] by [H, 2 d,
    k] and [H, F k, F] to [B, F].

    The hidden layer is far wider than input and output. On the CPU it is computed for a few samples
    at a time and, for the gradients, again: that takes less time than writing all of it to memory
    and reading it back. Under autocast all products are of its type.
    """
    kind = vectors.device.type
    if torch.is_autocast_enabled(kind):
        dtype = torch.get_autocast_dtype(kind)
        context, vectors, first, second = (
            given.to(dtype) for given in (context, vectors, first, second)
        )
    return _AttendedFactors.apply(context, vectors, first, second)  # type: ignore[no-any-return, no-untyped-call]


class _AttendedFactors(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, context: Tensor, vectors: Tensor, first: Tensor, second: Tensor
    ) -> Tensor:
        ctx.save_for_backward(context, vectors, first, second)
        factors = vectors.new_empty(vectors.shape[:2])
        with torch.autocast(vectors.device.type, enabled=False):
            for part in _parts(vectors):
                hidden = torch.bmm(_inputs(context[part], vectors[part]), first).relu_()
                flat = hidden.view(len(second), -1, second.shape[1])
                torch.sum(torch.bmm(flat, second), dim=0, out=factors[part])
        return factors

    @staticmethod
    @once_differentiable  # type: ignore[misc]
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        context, vectors, first, second = ctx.saved_tensors
        heads, dim = len(second), vectors.shape[2]
        of_context, of_vectors = torch.empty_like(context), torch.empty_like(vectors)
        of_first = torch.zeros_like(first, dtype=torch.promote_types(first.dtype, torch.float32))
        of_second = torch.zeros_like(second, dtype=of_first.dtype)
        for part in _parts(vectors):
            inputs = _inputs(context[part], vectors[part])
            hidden = torch.bmm(inputs, first).relu_()
            flat = hidden.view(heads, -1, second.shape[1])
            flowing = gradient[part].expand(heads, -1, -1)
            _add_product(of_second, flat.transpose(1, 2), flowing)
            of_hidden = torch.bmm(flowing, second.transpose(1, 2)).view(hidden.shape)
            of_hidden = torch.ops.aten.threshold_backward(of_hidden, hidden, 0.0)
            _add_product(of_first, inputs.transpose(1, 2), of_hidden)
            of_inputs = torch.bmm(of_hidden, first.transpose(1, 2))
            of_inputs = of_inputs.view(heads, *gradient[part].shape, -1)
            of_context[part] = of_inputs[..., :dim].permute(1, 2, 0, 3)
            torch.sum(of_inputs[..., dim:], dim=0, out=of_vectors[part])
        return of_context, of_vectors, of_first, of_second


def _parts(vectors: Tensor) -> Iterator[slice]:
    size = CHUNK_SAMPLES if vectors.device.type == "cpu" else len(vectors)
    return (slice(start, start + size) for start in range(0, len(vectors), size))


def _inputs(context: Tensor, vectors: Tensor) -> Tensor:
    """[context_h, vectors] for each head and vector: [H, n F, 2 d]."""
    own = vectors.unsqueeze(2).expand_as(context)
    return torch.cat([context, own], dim=3).flatten(0, 1).transpose(0, 1)


def _add_product(total: Tensor, left: Tensor, right: Tensor) -> None:
    """Adds ``left`` ``right`` to ``total``, in one operator if they are of one type."""
    if total.dtype == left.dtype:
        total.baddbmm_(left, right)
    else:
        total += torch.bmm(left, right)
