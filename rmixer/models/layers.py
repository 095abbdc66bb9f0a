"""Layers that several architectures share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn


def relu() -> nn.Module:
    """ReLU in place: a linear layer no longer needs its output, and memory traffic halves."""
    return nn.ReLU(inplace=True)


def mlp(
    inputs: int,
    widths: Sequence[int],
    activation: Callable[[], nn.Module],
    activate_last: bool = False,
) -> nn.Sequential:
    """Linear layers ``inputs`` -> ``widths``, with an activation after each but the last (or after
    that one too).

    Weights are Xavier-normal and biases zero; but before a sigmoid, whose slope is at most ¼,
    weights are 4 times that (Glorot and Bengio, AISTATS 2010), or SGD sees hardly any gradient
    for hundreds of steps, and biases are -1.5: units that start at ½ make the first steps
    overshoot at the rates these models are trained with.
    """
    layers: list[nn.Module] = []
    for index, (before, after) in enumerate(pairwise((inputs, *widths)), 1):
        activated = index < len(widths) or activate_last
        linear = nn.Linear(before, after)
        gain, bias = (4.0, -1.5) if activated and activation is nn.Sigmoid else (1.0, 0.0)
        nn.init.xavier_normal_(linear.weight, gain)
        nn.init.constant_(linear.bias, bias)
        layers += [linear, activation()] if activated else [linear]
    return nn.Sequential(*layers)


class PairwiseDots(nn.Module):
    """Dot products of all pairs of different vectors: [B, F, d] -> [B, F (F - 1) / 2], the pairs
    (i, j), i < j, in order of i, then j."""

    pairs: Tensor

    def __init__(self, vectors: int) -> None:
        super().__init__()
        above = torch.triu_indices(vectors, vectors, offset=1)
        self.register_buffer("pairs", above[0] * vectors + above[1], persistent=False)

    def forward(self, vectors: Tensor) -> Tensor:
        dots = torch.bmm(vectors, vectors.transpose(1, 2)).flatten(1)
        return dots.gather(1, self.pairs.expand(len(dots), -1))


class SecondOrder(nn.Module):
    """The factorization machine's Σ_{i<j} <v_i, v_j>: [B, F, d] -> [B], in O(F d) as
    ½ Σ_k ((Σ_i v_ik)² - Σ_i v_ik²) (Rendle, ICDM 2010)."""

    def forward(self, vectors: Tensor) -> Tensor:
        of_sum = vectors.sum(1).square().sum(1)
        return 0.5 * (of_sum - vectors.square().sum((1, 2)))


class TargetAttention(nn.Module):
    """DIN's interest in a history [B, T, d] given a target [B, d]: [B, d].

    Scores are an MLP of [h, t, h - t, h * t]; positions from ``length`` [B] on are masked by
    -1e9; scores are then scaled by d ** -0.5 and pass a softmax, as configured (the paper sums
    without normalising). The first layer W = [W_h, W_t, W_d, W_p] is applied as
    (W_h + W_d + W_p diag(t)) h + (W_t - W_d) t: the same function at a quarter of the
    arithmetic, and the input of width 4 d is never built.
    """

    slots: Tensor

    def __init__(self, dim: int, widths: Sequence[int], history_max: int) -> None:
        super().__init__()
        score = mlp(4 * dim, widths, nn.Sigmoid)
        # The last bias would be the same for all scores, which a softmax does not feel.
        score[-1].register_parameter("bias", None)
        self.first, self.rest = cast(nn.Linear, score[0]), score[1:]
        self.scale = dim**-0.5
        self.register_buffer("slots", torch.arange(history_max), persistent=False)

    def forward(self, history: Tensor, target: Tensor, length: Tensor) -> Tensor:
        weights = self.weights(history, target, length)
        return torch.bmm(weights.unsqueeze(1), history).squeeze(1)

    def weights(self, history: Tensor, target: Tensor, length: Tensor) -> Tensor:
        """The weight of each position, [B, T], of sum 1: exactly 0 from ``length`` on."""
        of_history, of_target, of_difference, of_product = self.first.weight.chunk(4, dim=1)
        by_sample = torch.addcmul(of_history + of_difference, of_product, target.unsqueeze(1))
        shared = nn.functional.linear(target, of_target - of_difference, self.first.bias)
        hidden = torch.baddbmm(shared.unsqueeze(1), history, by_sample.transpose(1, 2))
        scores = self.rest(hidden).squeeze(2)
        scores = scores.masked_fill(self.slots >= length.unsqueeze(1), -1e9)
        return torch.softmax(scores * self.scale, dim=1)
