"""The recurrence of a GRU, with or without an attentional update gate, and its gradients."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def gated_recurrence(
    inputs: Tensor, weight: Tensor, bias: Tensor, attention: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """States h_1 to h_T, shape [T, B, H], and h_T, of a GRU that begins with zero.

    ``inputs`` [T, B, 3 H] are the products with what comes in, biases included, ``weight``
    [3 H, H] and ``bias`` [3 H] are of the product with the state; each has its parts in the order
    update, reset, candidate. With u = σ(i_u + U_u h), r = σ(i_r + U_r h) and
    n = tanh(i_n + r * U_n h), the next state is (1 - a u) * h + a u * n, where a [T, B] is the
    ``attention``, or 1 (Cho et al., arXiv 1406.1078; DIEN's AUGRU, arXiv 1809.03672).

    A step of either direction is a product and a few operators on small tensors: all that does
    not depend on the step before is computed for all steps at once.
    """
    dtype = weight.dtype
    with torch.autocast(inputs.device.type, enabled=False):
        states, last = _Recurrence.apply(
            inputs.to(dtype), weight, bias, None if attention is None else attention.to(dtype)
        )
    return states, last


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor, attention: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        steps, samples, triple = inputs.shape
        hidden = triple // 3
        products = torch.empty_like(inputs)
        candidates = inputs.new_empty(steps, samples, hidden)
        shares = None if attention is None else torch.empty_like(candidates)
        states = inputs.new_zeros(steps + 1, samples, hidden)
        transposed = weight.t().contiguous()
        gates_in, candidates_in = inputs.split([2 * hidden, hidden], dim=2)
        gates, of_state = products.split([2 * hidden, hidden], dim=2)
        update, reset = gates.chunk(2, dim=2)
        weights = () if attention is None else attention.unsqueeze(2).unbind(0)
        by_step = zip(
            *(part.unbind(0) for part in (products, gates, gates_in, update, reset, of_state)),
            *(part.unbind(0) for part in (candidates_in, candidates, states[:-1], states[1:])),
            strict=True,
        )
        for at, (product, gate, gate_in, u, r, inner, into, fresh, before, after) in enumerate(
            by_step
        ):
            torch.addmm(bias, before, transposed, out=product)
            gate.add_(gate_in).sigmoid_()
            torch.addcmul(into, r, inner, out=fresh).tanh_()
            if shares is not None:
                u = torch.mul(u, weights[at], out=shares[at])
            torch.lerp(before, fresh, u, out=after)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(products, candidates, states, weight, attention, shares)
        return states[1:], states[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(  # type: ignore[override]
        ctx: Any, of_states: Tensor | None, of_last: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        products, fresh, states, weight, attention, shares = ctx.saved_tensors
        steps, samples, hidden = fresh.shape
        update, reset, inner = products.split(hidden, dim=2)
        share = update if shares is None else shares
        # What a state's gradient is to be multiplied with for those of the three products.
        factors = torch.empty_like(products)
        of_update, of_reset, of_inner = factors.split(hidden, dim=2)
        apart = fresh - states[:-1]
        torch.mul(share, 1.0 - update, out=of_update)
        of_update.mul_(apart)
        of_fresh = torch.addcmul(share, share, fresh.square(), value=-1.0)
        torch.mul(of_fresh, reset, out=of_inner)
        torch.mul(of_inner, 1.0 - reset, out=of_reset)
        of_reset.mul_(inner)
        kept = 1.0 - share

        of_state = torch.empty_like(fresh)
        flowing = of_state.new_zeros(samples, hidden) if of_last is None else of_last
        gradients = factors  # a step's factors become its gradients, in place
        by_step = list(
            zip(
                gradients.unbind(0),
                gradients.view(steps, samples, 3, hidden).unbind(0),
                kept.unbind(0),
                of_state.unbind(0),
                strict=True,
            )
        )
        arriving = () if of_states is None else of_states.unbind(0)
        for at in range(steps - 1, -1, -1):
            gradient, by_part, keep, here = by_step[at]
            if arriving:
                torch.add(flowing, arriving[at], out=here)
            else:
                here.copy_(flowing)
            by_part.mul_(here.unsqueeze(1))
            flowing = torch.addmm(here * keep, gradient, weight)
        flat = gradients.flatten(0, 1)
        of_weight = torch.mm(flat.t(), states[:-1].flatten(0, 1))
        of_bias = flat.sum(0)
        of_attention = None
        if attention is not None:
            of_attention = apart.mul_(update).mul_(of_state).sum(2)
        torch.mul(of_state, of_fresh, out=gradients[:, :, 2 * hidden :])
        return gradients, of_weight, of_bias, of_attention
