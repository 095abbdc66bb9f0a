"""The softmax over all items whose weights are the items' embeddings."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear

# So many rows of 54,546 logits are 28 MB: with half as many the matrix products are slower, with
# twice as many the logits leave the last cache between operators.
_CHUNK = 128


def item_logits(vectors: Tensor, items: Tensor, bias: Tensor) -> Tensor:
    """Scores of all ``items`` [V, d] for each of ``vectors`` [..., d]: [..., V]."""
    return linear(vectors, items, bias)


def masked_cross_entropy(
    vectors: Tensor, items: Tensor, bias: Tensor, targets: Tensor, weights: Tensor
) -> Tensor:
    """Σ_i weights_i · (log Σ_v exp(z_iv) - z_i,target_i), where z = :func:`item_logits`.

    ``vectors`` [n, d]; ``targets`` and ``weights`` [n], through which no gradient flows. Exact,
    but never with all n V logits in memory: a few rows at a time give their loss and at once
    their gradient, which is linear in what flows back, so the logits are neither kept nor
    computed again. Under autocast the matrix products are of its type, and the sums are not.
    """
    return _MaskedCrossEntropy.apply(vectors, items, bias, targets, weights)  # type: ignore[no-any-return, no-untyped-call]


class _MaskedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, vectors: Tensor, items: Tensor, bias: Tensor, targets: Tensor, weights: Tensor
    ) -> Tensor:
        kind = vectors.device.type
        factor = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else items.dtype
        with torch.autocast(kind, enabled=False):
            loss, *gradients = _loss_and_gradients(
                vectors.to(items.dtype), items, bias, targets, weights, factor
            )
        ctx.save_for_backward(*gradients)
        return loss

    @staticmethod
    @once_differentiable  # type: ignore[misc]
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        of_vectors, of_items, of_bias = ctx.saved_tensors
        return of_vectors * gradient, of_items * gradient, of_bias * gradient, None, None


def _loss_and_gradients(
    vectors: Tensor,
    items: Tensor,
    bias: Tensor,
    targets: Tensor,
    weights: Tensor,
    factor: torch.dtype,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The loss, and its gradients by ``vectors``, ``items`` and ``bias``; products of matrices
    have factors of type ``factor``."""
    weighted = (vectors * weights.unsqueeze(1)).to(factor)
    factors, item_factors = vectors.to(factor), items.to(factor)
    of_vectors = torch.empty_like(vectors)
    of_items, of_bias = torch.zeros_like(items), torch.zeros_like(bias)
    loss = vectors.new_zeros(())
    minus_one = vectors.new_full((min(_CHUNK, len(vectors)), 1), -1.0)
    for start in range(0, len(vectors), _CHUNK):
        part = slice(start, start + _CHUNK)
        target = targets[part].unsqueeze(1)
        logits = torch.mm(factors[part], item_factors.t()).to(bias.dtype).add_(bias)
        # Each exponential once: the largest probability, which is never tiny, gives the log of
        # their sum.
        highest, of_target = logits.amax(1, keepdim=True), logits.gather(1, target)
        error = torch.softmax(logits, dim=1)
        log_sums = highest - error.amax(1, keepdim=True).log()
        loss += (log_sums - of_target).squeeze(1) @ weights[part]
        # The gradient of the logits, but for the weight: softmax, less one at the target.
        error.scatter_add_(1, target, minus_one[: len(target)])
        of_bias.addmv_(error.t(), weights[part])
        error = error.to(factor)
        of_vectors[part] = torch.mm(error, item_factors)
        if factor == of_items.dtype:
            of_items.addmm_(error.t(), weighted[part])
        else:
            of_items += torch.mm(error.t(), weighted[part])
        del logits, error  # the next rows' take their place
    return loss, of_vectors.mul_(weights.unsqueeze(1)), of_items, of_bias
