"""DIFM's attention with heads wider than the embeddings, as configured: head by head and field
by field."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from rmixer.models import attended_factors as module
from rmixer.models.attended_factors import attended_factors
from rmixer.models.difm import VectorWiseFactors

SAMPLES, FIELDS, DIM, HEADS, HEAD_DIM = 5, 4, 3, 2, 7


@pytest.fixture(autouse=True)
def in_chunks_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK_SAMPLES", 2)
    torch.manual_seed(11)


def naive_factors(layer: VectorWiseFactors, vectors: Tensor) -> Tensor:
    """The paper's formula, for one sample at a time: queries, keys and values laid out."""
    found = []
    for x in vectors:
        factors = layer.bias
        for h in range(HEADS):
            queries, keys, values = x @ layer.queries[h], x @ layer.keys[h], x @ layer.values[h]
            for i in range(FIELDS):
                scores = [queries[i] @ keys[j] / math.sqrt(HEAD_DIM) for j in range(FIELDS)]
                weights = torch.softmax(torch.stack(scores), dim=0)
                attended = sum(weights[j] * values[j] for j in range(FIELDS))
                hidden = torch.relu(attended + x[i] @ layer.residual[h])
                factors = factors + hidden @ layer.output[h].view(FIELDS, HEAD_DIM, FIELDS)[i]
        found.append(factors)
    return torch.stack(found)


def test_vector_wise_factors_and_their_gradients_are_the_papers() -> None:
    layer = VectorWiseFactors(FIELDS, DIM, HEADS, HEAD_DIM).double()
    for parameter in layer.parameters():
        parameter.data.normal_()
    found = []
    vectors = torch.randn(SAMPLES, FIELDS, DIM, dtype=torch.float64)
    direction = torch.randn(SAMPLES, FIELDS, dtype=torch.float64)
    for compute in (layer, lambda given: naive_factors(layer, given)):
        given = vectors.clone().requires_grad_()
        factors = compute(given)
        found.append(
            [
                factors,
                *torch.autograd.grad((factors * direction).sum(), [given, *layer.parameters()]),
            ]
        )
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


def test_bfloat16_is_near_and_its_gradients_are_of_the_weights_type() -> None:
    shapes = [(SAMPLES, FIELDS, HEADS, DIM), (SAMPLES, FIELDS, DIM)]
    shapes += [(HEADS, 2 * DIM, HEAD_DIM), (HEADS, FIELDS * HEAD_DIM, FIELDS)]
    found = []
    given = [torch.rand(shape).requires_grad_() for shape in shapes]
    for autocast in (False, True):
        with torch.autocast("cpu", torch.bfloat16, autocast):
            factors = attended_factors(*given)
        found.append([factors.float(), *torch.autograd.grad(factors.float().sum(), given)])
    for exact, near in zip(*found, strict=True):
        assert near.dtype is torch.float32
        assert not torch.equal(near, exact)
        torch.testing.assert_close(near, exact, rtol=0.03, atol=0.03)


def test_factors_begin_near_those_of_a_plain_factorization_machine() -> None:
    factors = VectorWiseFactors(27, 20, 16, 80)(torch.randn(50, 27, 20) * 0.05)
    assert factors.mean().item() == pytest.approx(0.5, abs=0.05), "the MLP's begin at ½ as well"
    assert factors.std().item() < 0.1
