"""A custom function of autograd: its own operators have no number, the function has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from gpu_trace import event, write_trace
from plain_steps import in_steps, node, recorded
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile, record_function, schedule

from profiles.traces.imported import import_trace
from profiles.traces.profiler_events import PHASE_MARK, read_calls, tie_backward_to_forward

NAMES = ("aten::linear", "aten::exp", "aten::cos", "aten::sin", "aten::_fused_sgd_", "aten::dot")


class _Doubled(torch.autograd.Function):
    """Exponential, then twice that; backward a product and a difference."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        ctx.save_for_backward(values)
        return torch.exp(values).mul(2.0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (values,) = ctx.saved_tensors
        return torch.atan2(gradients[0], torch.sinh(values))


def run(layer: nn.Module, batch: Tensor) -> None:
    """A step in which an operator that does nothing saw the function's number as well."""
    with record_function(PHASE_MARK + "forward"):
        hidden = layer(batch).to(torch.float32)
        loss = torch.cos(_Doubled.apply(hidden)).sum()  # type: ignore[no-untyped-call]
    with record_function(PHASE_MARK + "backward"):
        loss.backward()


def test_operators_of_its_backward_belong_to_the_last_of_its_forward() -> None:
    layer, batch = nn.Linear(3, 2), torch.ones(4, 3)
    with profile(activities=[ProfilerActivity.CPU]) as observed:
        run(layer, batch)
    calls = read_calls(observed.profiler.kineto_results.events())
    tie_backward_to_forward(calls)
    tied = {call.name: calls[call.forward_index].name for call in calls if call.forward_index >= 0}
    assert tied["aten::sinh"] == tied["aten::atan2"] == "aten::mul"
    assert tied["aten::sin"] == "aten::cos"
    assert tied["aten::mm"] == "aten::linear"


def test_a_closure_s_passes_are_no_optimizer(tmp_path: Path) -> None:
    """SGD that calls both passes itself, and LBFGS, which does so several times a step."""
    layer, batch, path = nn.Linear(3, 2), torch.ones(4, 3), tmp_path / "trace.json"
    plain = torch.optim.SGD(layer.parameters(), lr=0.01, fused=True)
    again = torch.optim.LBFGS(layer.parameters(), max_iter=3)

    def closure() -> Tensor:
        plain.zero_grad()
        loss = torch.cos(torch.exp(layer(batch))).sum()
        loss.backward()
        return loss

    for optimizer in (plain, again):
        plan = schedule(wait=0, warmup=1, active=2, repeat=1)
        with profile(activities=[ProfilerActivity.CPU], schedule=plan) as observed:
            for _ in range(3):
                optimizer.step(closure)  # type: ignore[arg-type]
                observed.step()
        observed.export_chrome_trace(str(path))
        rows = import_trace(path, "closure").operators
        phases = {name: {row.phase for row in rows if row.operator == name} for name in NAMES}
        assert phases["aten::linear"] == phases["aten::exp"] == phases["aten::cos"] == {"forward"}
        assert phases["aten::sin"] == {"backward"}
        update = "aten::_fused_sgd_" if optimizer is plain else "aten::dot"
        assert phases[update] == {"optimizer"}
        tied = {row.operator: rows[row.forward_index] for row in rows if row.forward_index >= 0}
        assert tied["aten::sin"].operator == "aten::cos"


def test_so_they_do_in_a_trace(tmp_path: Path) -> None:
    layer, batch, path = nn.Linear(3, 2), torch.ones(4, 3), tmp_path / "trace.json"
    plan = schedule(wait=0, warmup=1, active=2, repeat=1)
    with profile(activities=[ProfilerActivity.CPU], schedule=plan) as observed:
        for _ in range(3):
            run(layer, batch)
            observed.step()
    observed.export_chrome_trace(str(path))
    rows = import_trace(path, "custom").operators
    tied = {row.operator: rows[row.forward_index].operator for row in rows if row.forward_index > 0}
    assert tied["aten::sinh"] == tied["aten::atan2"] == "aten::mul"
    assert tied["aten::sin"] == "aten::cos"


def test_all_that_it_runs_is_forward_where_it_comes_first(tmp_path: Path) -> None:
    """As in a step that ``torch.compile`` made, or a checkpoint. What is before it is not, even if
    it saw the same number."""
    steps = [
        [
            recorded("aten::to", 2.0, 6.0, 2 * number),
            recorded("CompiledFunction", 8.0, 60.0, 2 * number),
            *(event("aten::mm", "cpu_op", at, at + 10.0) for at in (10.0, 30.0)),
            event("aten::add", "cpu_op", 52.0, 55.0),
            recorded("aten::sum", 62.0, 66.0, 2 * number + 1),
            *node("SumBackward0", 70.0, 76.0, 2 * number + 1),
            event("aten::expand", "cpu_op", 72.0, 74.0),
            *node("CompiledFunctionBackward", 78.0, 98.0, 2 * number),
            event("aten::bmm", "cpu_op", 80.0, 96.0),
        ]
        for number in range(3)
    ]
    path = write_trace(tmp_path / "t.json", in_steps(steps))
    rows = import_trace(path, "custom").operators
    assert [(row.operator, row.phase) for row in rows] == [
        ("aten::to", None),
        *[(f"aten::{name}", "forward") for name in ("mm", "mm", "add", "sum")],
        *[(f"aten::{name}", "backward") for name in ("expand", "bmm")],
    ]
    assert [row.forward_index for row in rows if row.operator == "aten::bmm"] == [3]
