"""Which kind of work an operator is counted as."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_runs import profile

from experiments.operators.operator_class import operator_class

COST = profile(threads=(1,)).operators[0]


@pytest.mark.parametrize(
    ("phase", "operator", "kind"),
    [
        ("input", "input", "input and copies"),
        ("copy", "aten::copy_", "input and copies"),
        ("forward", "aten::index_select", "embedding rows"),
        ("backward", "aten::index_add_", "embedding rows"),
        ("backward", "aten::embedding_dense_backward", "embedding rows"),
        ("forward", "aten::linear", "matrix products"),
        ("backward", "aten::mm", "matrix products"),
        ("forward", "aten::baddbmm", "matrix products"),
        ("forward", "aten::cat", "moving data"),
        ("backward", "aten::zeros_like", "moving data"),
        ("forward", "aten::to", "moving data"),
        ("forward", "aten::_to_copy", "moving data"),
        ("forward", "aten::sigmoid", "elementwise"),
        ("backward", "aten::threshold_backward", "elementwise"),
        ("backward", "aten::add_", "elementwise"),
        ("forward", "aten::tanh", "elementwise"),
        ("optimizer", "aten::_fused_adam_", "optimizer"),
        ("optimizer", "aten::index_add_", "optimizer"),
    ],
)
def test_by_phase_then_by_name(phase: str, operator: str, kind: str) -> None:
    assert operator_class(replace(COST, phase=phase, operator=operator)) == kind
