"""DMR's two attentions: the weight of each behaviour of a user, and its relevance to an ad.

Behaviours are e [B, T, d], the newest at place 0; ``context`` [B, T] numbers the pairs (kind of
behaviour, place), kind * T + place. Queries depend on it through a small table of all such pairs,
so a layer's part of the context is computed once a pair and not once a behaviour.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, linear, prelu

from rmixer.models.layers import mlp

INITIAL_SLOPE = 0.1


class BehaviourScores(nn.Module):
    """MLP([q, e, q - e, q * e]) of queries q and behaviours e, both [n, d]: [n, 1].

    As in :class:`rmixer.models.layers.TargetAttention`, the first layer W = [W_q, W_e, W_d, W_p]
    is applied as (W_q + W_d) q + (W_e - W_d) e + W_p (q * e).
    """

    def __init__(self, dim: int, widths: Sequence[int]) -> None:
        super().__init__()
        score = mlp(4 * dim, widths, nn.Sigmoid)
        self.first, self.rest = cast(nn.Linear, score[0]), score[1:]

    def of_query(self, queries: Tensor) -> Tensor:
        """The queries' part of the first layer, its bias included: [n, width]."""
        of_query, _, of_difference, _ = self.first.weight.chunk(4, dim=1)
        return linear(queries, of_query + of_difference, self.first.bias)

    def forward(self, of_query: Tensor, queries: Tensor, items: Tensor) -> Tensor:
        _, of_item, of_difference, of_product = self.first.weight.chunk(4, dim=1)
        hidden = torch.addmm(of_query, items, (of_item - of_difference).t())
        hidden = torch.addmm(hidden, queries * items, of_product.t())
        scores: Tensor = self.rest(hidden)
        return scores


class UserToItemScores(nn.Module):
    """z_t of each behaviour without the ad, [B, T]: the query is PReLU(W [p_t, k_t] + b) of its
    place's and its kind's vector. PReLU has a slope for each place."""

    def __init__(self, dim: int, context_dim: int, places: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.query = _query(2 * context_dim, dim)
        self.slopes = nn.Parameter(torch.full((places,), INITIAL_SLOPE))
        self.scores = BehaviourScores(dim, widths)

    def forward(self, items: Tensor, context: Tensor, position: Tensor, kind: Tensor) -> Tensor:
        """``position`` [T, c] and ``kind`` [kinds, c] are the tables of context vectors."""
        table = _of_context(position, kind, self.query.weight, self.query.bias)
        queries = prelu(table, self.slopes).flatten(0, 1)
        at = context.flatten()
        of_query = embedding(at, self.scores.of_query(queries))
        scores = self.scores(of_query, embedding(at, queries), items.flatten(0, 1))
        return cast(Tensor, scores).view(context.shape)


class ItemToItemScores(nn.Module):
    """z_t of each behaviour given the target, [B, T]: the query is PReLU(W [e_target, p_t, k_t]
    + b). PReLU has a slope for each place."""

    def __init__(self, dim: int, context_dim: int, places: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.query = _query(dim + 2 * context_dim, dim)
        self.slopes = nn.Parameter(torch.full((places,), INITIAL_SLOPE))
        self.scores = BehaviourScores(dim, widths)

    def forward(
        self, items: Tensor, target: Tensor, context: Tensor, position: Tensor, kind: Tensor
    ) -> Tensor:
        """``target`` is [B, d]; for the rest see :class:`UserToItemScores`."""
        dim = target.shape[1]
        of_target, of_context = self.query.weight.tensor_split([dim], dim=1)
        table = _of_context(position, kind, of_context, self.query.bias).flatten(0, 1)
        queries = embedding(context, table) + linear(target, of_target).unsqueeze(1)
        queries = prelu(queries, self.slopes).flatten(0, 1)
        of_query = self.scores.of_query(queries)
        scores = self.scores(of_query, queries, items.flatten(0, 1))
        return cast(Tensor, scores).view(context.shape)


def _query(inputs: int, dim: int) -> nn.Linear:
    layer = nn.Linear(inputs, dim)
    nn.init.xavier_normal_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def _of_context(position: Tensor, kind: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """``weight`` [position, kind] + ``bias`` for all pairs of them: [kinds, T, d]."""
    of_position, of_kind = weight.chunk(2, dim=1)
    return linear(kind, of_kind, bias).unsqueeze(1) + linear(position, of_position)
