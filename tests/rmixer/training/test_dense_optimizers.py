"""Optimizers of dense parameters, by their rules written in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from rmixer.training.dense_optimizers import make_dense_optimizer
from rmixer.training.row_optimizers import OPTIMIZER_KINDS, make_row_optimizer

LR, STEPS = 0.05, 20
SETTINGS: dict[str, dict[str, Any]] = {
    "sgd": {},
    "adagrad": {"epsilon": 0.01, "initial_accumulator": 0.3},
    "rowwise_adagrad": {"epsilon": 0.01, "initial_accumulator": 0.3},
    "adam": {"betas": (0.8, 0.95), "epsilon": 0.01},
    "adamw": {"betas": (0.8, 0.95), "epsilon": 0.01, "weight_decay": 0.2},
}


def by_the_rule(kind: str, start: np.ndarray, gradients: list[np.ndarray]) -> np.ndarray:
    x, first, second = start.copy(), np.zeros_like(start), np.zeros_like(start)
    total = np.full_like(start, 0.3)
    for step, gradient in enumerate(gradients, start=1):
        if kind == "sgd":
            x -= LR * gradient
        elif kind in ("adagrad", "rowwise_adagrad"):
            total += gradient**2
            x -= LR * gradient / (np.sqrt(total) + 0.01)
        else:
            x *= 1.0 - LR * (0.2 if kind == "adamw" else 0.0)
            first = 0.8 * first + 0.2 * gradient
            second = 0.95 * second + 0.05 * gradient**2
            size = np.sqrt(second / (1.0 - 0.95**step)) + 0.01
            x -= LR * first / (1.0 - 0.8**step) / size
    return x


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("kind", OPTIMIZER_KINDS)
def test_follows_its_rule_fused_or_not(kind: str, fused: bool) -> None:
    rng = np.random.default_rng(4)
    start, gradients = rng.normal(size=(7, 3)), list(rng.normal(size=(STEPS, 7, 3)))
    parameter = torch.nn.Parameter(torch.tensor(start, dtype=torch.float32))
    optimizer = make_dense_optimizer(kind, [parameter], LR, fused, **SETTINGS[kind])
    for gradient in gradients:
        parameter.grad = torch.tensor(gradient, dtype=torch.float32)
        optimizer.step()
    expected = by_the_rule(kind, start, gradients)
    np.testing.assert_allclose(parameter.detach().numpy(), expected, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("kind", OPTIMIZER_KINDS)
def test_defaults_are_those_of_a_table(kind: str) -> None:
    # One element a row: row-wise and element-wise are then the same.
    table, parameter = torch.ones(6, 1), torch.nn.Parameter(torch.ones(6, 1))
    rows, dense = (
        make_row_optimizer(kind, table, LR),
        make_dense_optimizer(kind, [parameter], LR, True),
    )
    for step in range(1, STEPS):
        gradient = torch.arange(1.0, 7.0).unsqueeze(1) / step
        rows.step(torch.arange(6), gradient)
        parameter.grad = gradient.clone()
        dense.step()
    torch.testing.assert_close(table, parameter.detach(), rtol=1e-5, atol=1e-5)


def test_what_a_kind_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="has no setting 'nesterov'"):
        make_dense_optimizer("sgd", [torch.nn.Parameter(torch.ones(1))], LR, True, nesterov=True)
