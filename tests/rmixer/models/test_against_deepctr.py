"""Our networks against DeepCTR-Torch's, an independent implementation: with the same weights the
same logits and the same gradients, in double precision.

It keeps a table for each field; each gets the rows that the field may name in our shared one.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from same_weights import Comparison, Tie, tied_fields, tied_linears
from torch import Tensor, nn

from rmixer.models import attended_factors
from rmixer.models.dcn import DCN
from rmixer.models.dcn_v2 import DCNv2
from rmixer.models.deepfm import DeepFM
from rmixer.models.difm import DIFM
from rmixer.models.wide_deep import CategoricalWideDeep, WideDeep

SAMPLES, DENSE, DIM = 9, 3, 6
ROWS, FIRST = (5, 8, 4, 7), (0, 5, 13, 17)
HASHED = {"dense": DENSE, "fields": len(ROWS), "rows": sum(ROWS), "embedding_dim": DIM}
PLAIN: dict[str, Any] = {"task": "regression", "l2_reg_embedding": 0.0, "l2_reg_dnn": 0.0}
LINEAR: dict[str, Any] = {**PLAIN, "l2_reg_linear": 0.0}


@pytest.fixture(scope="module", autouse=True)
def imported() -> None:
    """DeepCTR-Torch, when it is first needed: it takes seconds to import."""
    global DNN, FIELDS, VALUES, CrossNetMix, SparseFeat, deepctr
    import deepctr_torch.models as deepctr
    from deepctr_torch.inputs import DenseFeat, SparseFeat
    from deepctr_torch.layers import DNN, CrossNetMix

    FIELDS = [SparseFeat(f"C{number}", rows, DIM) for number, rows in enumerate(ROWS, 1)]
    VALUES = DenseFeat("dense", DENSE)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(7)


def random_batch() -> tuple[Tensor, Tensor]:
    """Ids that count from 0 in each field [samples, fields], and dense values."""
    ids = torch.stack([torch.randint(0, rows, (SAMPLES,)) for rows in ROWS], dim=1)
    return ids, torch.rand(SAMPLES, DENSE, dtype=torch.float64)


def hashed(ids: Tensor, dense: Tensor) -> dict[str, Tensor]:
    """The batch of a model whose fields share one table without knowing of each other."""
    return {"ids": ids + torch.tensor(FIRST), "dense": dense}


def tables(held: nn.Module) -> list[nn.Module]:
    return [held.embedding_dict[field.name] for field in FIELDS]


def with_weight(held: nn.Module, name: str, weight: Tensor) -> nn.Parameter:
    """Their embedding ``name``, of which every sample has a row of its own, set to ``weight``."""
    parameter: nn.Parameter = held.embedding_dict[name].weight
    parameter.data.copy_(weight)
    return parameter


def test_deepfm() -> None:
    """A dense feature of ours is a field of theirs in which sample b has row b: x_b times the
    feature's weight, and vector."""
    ids, dense = random_batch()
    model = DeepFM({**HASHED, "mlp": (8, 5, 1)})
    ours = Comparison(model, hashed(ids, dense))
    features = [SparseFeat(f"x{number}", SAMPLES, DIM) for number in range(DENSE)]
    columns = [*FIELDS, *features]
    theirs = deepctr.DeepFM(columns, columns, dnn_hidden_units=(8, 5), **LINEAR).double()
    ties = [
        *tied_fields("shared", ROWS, tables(theirs)),
        *tied_fields("shared_first_order", ROWS, tables(theirs.linear_model)),
        *tied_linears(model, "deep", [*theirs.dnn.linears, theirs.dnn_linear]),
        Tie("bias", theirs.out.bias),
        Tie("deep.4.bias", theirs.out.bias),
    ]
    ours.tie(ties)
    stand_ins = {}
    for at, feature in enumerate(features):
        value = dense[:, at : at + 1]
        vectors, weights = value * model.dense_vectors[at], value * model.dense_weights[at]
        stand_ins[with_weight(theirs, feature.name, vectors.detach())] = vectors
        stand_ins[with_weight(theirs.linear_model, feature.name, weights.detach())] = weights
    own_row = torch.arange(SAMPLES).unsqueeze(1).expand(-1, DENSE)
    ours.agrees(theirs(torch.cat([ids, own_row], dim=1).double()), ties, stand_ins)


def test_wide_deep_with_a_dense_wide_side() -> None:
    ids, dense = random_batch()
    model = WideDeep({**HASHED, "mlp": (8, 5, 1)})
    ours = Comparison(model, hashed(ids, dense))
    theirs = deepctr.WDL([VALUES], [*FIELDS, VALUES], dnn_hidden_units=(8, 5), **LINEAR).double()
    ties = [
        *tied_fields("shared", ROWS, tables(theirs)),
        *tied_linears(model, "deep", [*theirs.dnn.linears, theirs.dnn_linear]),
        Tie("wide.weight", theirs.linear_model.weight, torch.t),
        Tie("wide.bias", theirs.out.bias),
        Tie("deep.4.bias", theirs.out.bias),
    ]
    ours.tie(ties)
    # Their columns come in the order in which they are first named.
    ours.agrees(theirs(torch.cat([dense, ids], dim=1)), ties)


def test_wide_deep_with_a_weight_for_each_id() -> None:
    ids, _ = random_batch()
    model = CategoricalWideDeep({"rows": ROWS, "embedding_dim": DIM, "mlp": (8, 5, 1)})
    ours = Comparison(model, {"ids": ids})
    theirs = deepctr.WDL(FIELDS, FIELDS, dnn_hidden_units=(8, 5), **LINEAR).double()
    ties = [
        *tied_fields("shared", ROWS, tables(theirs)),
        *tied_fields("shared_first_order", ROWS, tables(theirs.linear_model)),
        *tied_linears(model, "deep", [*theirs.dnn.linears, theirs.dnn_linear]),
        Tie("bias", theirs.out.bias),
        Tie("deep.4.bias", theirs.out.bias),
    ]
    ours.tie(ties)
    ours.agrees(theirs(ids.double()), ties)


@pytest.mark.parametrize("layers", [1, 2, 4])
def test_dcn(layers: int) -> None:
    ids, dense = random_batch()
    model = DCN({**HASHED, "cross_layers": layers, "mlp": (8, 5)})
    ours = Comparison(model, hashed(ids, dense))
    columns = [*FIELDS, VALUES]
    theirs = deepctr.DCN([], columns, layers, dnn_hidden_units=(8, 5), **PLAIN).double()
    ties = [
        *tied_fields("shared", ROWS, tables(theirs)),
        *tied_linears(model, "deep", theirs.dnn.linears),
        Tie("cross_weights", theirs.crossnet.kernels),
        Tie("cross_biases", theirs.crossnet.bias),
        Tie("head.weight", theirs.dnn_linear.weight),
        Tie("head.bias", theirs.out.bias),
    ]
    ours.tie(ties)
    ours.agrees(theirs(torch.cat([ids, dense], dim=1)), ties)


def test_dcn_v2() -> None:
    """Their cross network, with gates that have a bias as ours do, and their MLP after it, where
    their whole model has the two side by side."""
    projected, rank, experts, layers = 5, 2, 3, 2
    ids, dense = random_batch()
    sizes = {"dense_projection": projected, "experts": experts, "rank": rank, "mlp": (8, 7)}
    model = DCNv2({**HASHED, **sizes, "cross_layers": layers, "dropout": 0.0, "l2": 0.0})
    ours = Comparison(model, hashed(ids, dense))
    width = len(ROWS) * DIM + projected
    cross = CrossNetMix(width, rank, experts, layers).double()
    gates = [nn.Linear(width, 1).double() for _ in range(experts)]
    cross.gating = nn.ModuleList(gates)
    deep = DNN(width, (8, 7)).double()
    embedded = nn.Parameter(torch.empty(sum(ROWS), DIM, dtype=torch.float64))
    per_layer = {name: nn.ParameterList() for name in ("V_list", "C_list", "U_list", "bias")}
    for name, parts in per_layer.items():
        parts.extend(nn.Parameter(part.detach().clone()) for part in getattr(cross, name))
        delattr(cross, name)
        setattr(cross, name, parts)
    ties = [Tie("shared", embedded), *tied_linears(model, "deep", deep.linears)]
    for at in range(layers):
        v, c, u, bias = (parts[at] for parts in per_layer.values())
        ties += [
            Tie(f"crosses.{at}.down.weight", v, lambda w: w.view(experts, rank, width).mT),
            Tie(f"crosses.{at}.core", c, lambda w: w.mT),
            Tie(f"crosses.{at}.up.weight", u, lambda w: w.view(width, experts, rank).movedim(1, 0)),
            Tie(f"crosses.{at}.up.bias", bias),
        ]
    for at, gate in enumerate(gates):
        ties.append(Tie("gates.weight", gate.weight, lambda w, at=at: w[at]))
        ties.append(Tie("gates.bias", gate.bias, lambda b, at=at: b[at]))
    ours.tie(ties)
    rows = embedded[ids + torch.tensor(FIRST)].flatten(1)
    x0 = torch.cat([rows, model.projection(torch.log(1.0 + dense))], dim=1)
    ours.agrees(model.head(deep(cross(x0))), ties)


@pytest.mark.parametrize("chunk", [4, 32])
def test_difm(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our field of dense values is a field of theirs in which sample b has row b. Their factors
    have no bias, so the layer that computes them gets one. Ours come in chunks of samples."""
    monkeypatch.setattr(attended_factors, "CHUNK_SAMPLES", chunk)
    heads, head_dim = 3, DIM // 3
    ids, dense = random_batch()
    torch.manual_seed(1)  # by the one for all, no unit of a narrow layer is active
    sizes = {"dense_mlp": (8,), "bit_wise_mlp": (9, 7), "heads": heads, "head_dim": head_dim}
    model = DIFM({**HASHED, **sizes})
    ours = Comparison(model, hashed(ids, dense))
    columns = [SparseFeat("dense", SAMPLES, DIM), *FIELDS]
    theirs = deepctr.DIFM(columns, columns, heads, dnn_hidden_units=(9, 7), **LINEAR)
    theirs.transform_matrix_P_bit = nn.Linear(7, len(columns))
    theirs.double()
    attention, bit = theirs.vector_wise_net, theirs.transform_matrix_P_bit
    ties = [
        *tied_fields("shared", ROWS, tables(theirs)),
        *tied_fields("shared_first_order", ROWS, tables(theirs.linear_model)),
        *tied_linears(model, "bit_wise", [*theirs.bit_wise_net.linears, bit]),
        Tie("vector_wise.queries", attention.W_Query, lambda w: w.transpose(0, 1)),
        Tie("vector_wise.keys", attention.W_key, lambda w: w.transpose(0, 1)),
        Tie("vector_wise.values", attention.W_Value, lambda w: w.transpose(0, 1)),
        Tie("vector_wise.residual", attention.W_Res, lambda w: w.transpose(0, 1)),
        Tie(
            "vector_wise.output",
            theirs.transform_matrix_P_vec.weight,
            lambda w: w.view(heads, len(columns), head_dim, -1).permute(3, 1, 0, 2),
        ),
        Tie("vector_wise.bias", bit.bias),
        Tie("bias", theirs.out.bias),
    ]
    ours.tie(ties)
    vectors, terms = model.dense_vector(dense), model.dense_weight(dense)
    vector = with_weight(theirs, "dense", vectors.detach())
    term = with_weight(theirs.linear_model, "dense", terms.detach())
    own_row = torch.arange(SAMPLES).unsqueeze(1)
    logits = theirs(torch.cat([own_row, ids], dim=1).double()) + model.dense_logit(vector)
    ours.agrees(logits, ties, {vector: vectors, term: terms})
