"""DIFM: a factorization machine whose weights depend on the input (doi 10.24963/ijcai.2020/434)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from rmixer.models.attended_factors import attended_factors
from rmixer.models.base import RecommendationModel
from rmixer.models.field_table import FieldTable
from rmixer.models.layers import SecondOrder, mlp, relu

INITIAL_STD = 0.05


class VectorWiseFactors(nn.Module):
    """m_vec = P flat(ReLU(attention(X) + X W_res)) + bias: a factor for each of F fields from
    their vectors X, [B, F, d] -> [B, F].

    Each of H heads of width k has scores X W_q (X W_k)ᵀ / √k and values X W_v. With k > d that
    is done in the narrow space: scores are X (W_q W_kᵀ / √k) Xᵀ, and the softmax of them weighs
    X before W_v, which together with W_res is one product, [context, X] [W_v; W_res]. No query,
    key or value is ever laid out. P is stored head after head, [H, F k, F].
    """

    def __init__(self, fields: int, dim: int, heads: int, head_dim: int) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.empty(heads, dim, head_dim))
        self.keys = nn.Parameter(torch.empty(heads, dim, head_dim))
        self.values = nn.Parameter(torch.empty(heads, dim, head_dim))
        self.residual = nn.Parameter(torch.empty(heads, dim, head_dim))
        self.output = nn.Parameter(torch.empty(heads, fields * head_dim, fields))
        self.bias = nn.Parameter(torch.full((fields,), 0.5))
        for weight in (self.queries, self.keys, self.values, self.residual):
            nn.init.normal_(weight, std=(2.0 / (dim + heads * head_dim)) ** 0.5)
        nn.init.normal_(self.output, std=(2.0 / (fields + heads * fields * head_dim)) ** 0.5)

    def forward(self, vectors: Tensor) -> Tensor:
        samples, fields, dim = vectors.shape
        heads, _, head_dim = self.values.shape
        scale = head_dim**-0.5
        # [d, H d]: head h has columns h d .. (h + 1) d.
        forms = torch.bmm(self.queries, self.keys.transpose(1, 2) * scale)
        forms = forms.transpose(0, 1).reshape(dim, -1)
        sought = (vectors.view(-1, dim) @ forms).view(samples, fields * heads, dim)
        weights = torch.softmax(torch.bmm(sought, vectors.transpose(1, 2)), dim=2)
        context = torch.bmm(weights, vectors).view(samples, fields, heads, dim)
        first = torch.cat([self.values, self.residual], dim=1)
        factors = attended_factors(context, vectors, first, self.output)
        return factors + self.bias


class DIFM(RecommendationModel):
    """logit = w0 + Σ m_i w_i x_i + Σ_{i<j} <m_i v_i, m_j v_j> x_i x_j, where the factors of the
    input m = m_vec + m_bit come from attention between the fields and from an MLP of all of them.

    The dense values are one field more, the first: its vector is an MLP of them, its first-order
    term linear in them, and as configured a term linear in its vector is added to the logit.
    Factors begin at about 1, those of a plain factorization machine. Batches have ``dense``
    [B, dense] and ``ids`` [B, fields].
    """

    inputs: ClassVar = ("dense", "ids", "label")

    def __init__(self, config: Mapping[str, Any], rows_cap: int | None = None) -> None:
        super().__init__(config, rows_cap)
        dense, dim = config["dense"], config["embedding_dim"]
        self.add_table("shared_first_order", config["rows"], 1, 0.0)
        self.fields = FieldTable(self, config, INITIAL_STD)
        fields = self.fields.count + 1
        self.bias = nn.Parameter(torch.zeros(1))
        self.dense_weight = nn.Linear(dense, 1)
        self.dense_vector = mlp(dense, (*config["dense_mlp"], dim), relu, activate_last=True)
        self.dense_logit = nn.Linear(dim, 1)
        self.vector_wise = VectorWiseFactors(fields, dim, config["heads"], config["head_dim"])
        self.bit_wise = mlp(fields * dim, (*config["bit_wise_mlp"], fields), relu)
        nn.init.constant_(cast(nn.Linear, self.bit_wise[-1]).bias, 0.5)
        self.second_order = SecondOrder()

    def table_ids(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        ids = self.fields.table_rows(batch["ids"])
        return {"shared_first_order": ids, "shared": ids}

    def forward(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        dense = batch["dense"]
        samples = len(dense)
        of_dense = self.dense_vector(dense)
        embedded = rows["shared"].view(samples, -1, of_dense.shape[1])
        vectors = torch.cat([of_dense.unsqueeze(1), embedded], dim=1)
        first = [self.dense_weight(dense), rows["shared_first_order"].view(samples, -1)]
        factors = self.vector_wise(vectors) + self.bit_wise(vectors.flatten(1))
        first_order: Tensor = (torch.cat(first, dim=1) * factors).sum(1)
        second_order: Tensor = self.second_order(vectors * factors.unsqueeze(2))
        logits: Tensor = self.dense_logit(of_dense)
        return self.bias + first_order + second_order + logits.squeeze(1)
