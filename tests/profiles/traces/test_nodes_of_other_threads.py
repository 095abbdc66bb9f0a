"""Nodes of operators that were recorded by another thread than the main one."""

from __future__ import annotations

from pathlib import Path

import pytest
from gpu_trace import SECOND, Event, event, write_trace
from plain_steps import in_steps, node, recorded

from profiles.traces.imported import import_trace


def inside(name: str, start: float, end: float) -> Event:
    return event(name, "cpu_op", start, end, SECOND)


def checkpointed(number: int, first: int) -> list[Event]:
    """A mean of what a checkpoint around ``linear`` and ``relu`` gives. The second thread runs both
    again, and numbers them, and what they call, from ``first`` on."""
    return [
        recorded("CheckpointFunction", 10.0, 40.0, number),
        event("aten::linear", "cpu_op", 12.0, 22.0),
        event("aten::relu", "cpu_op", 24.0, 34.0),
        recorded("aten::mean", 50.0, 56.0, number + 1),
        *node("MeanBackward0", 70.0, 76.0, number + 1, SECOND),
        inside("aten::div", 72.0, 75.0),
        *node("CheckpointFunctionBackward", 80.0, 150.0, number, SECOND),
        recorded("aten::linear", 82.0, 90.0, first, SECOND),
        recorded("aten::relu", 92.0, 100.0, first + 1, SECOND),
        recorded("aten::tanh", 102.0, 106.0, first + 2, SECOND),
        *node("TanhBackward0", 108.0, 114.0, first + 2, SECOND, 2),
        inside("aten::tanh_backward", 110.0, 112.0),
        *node("ReluBackward0", 116.0, 124.0, first + 1, SECOND, 2),
        inside("aten::threshold_backward", 118.0, 122.0),
        *node("AddmmBackward0", 126.0, 146.0, first, SECOND, 2),
        inside("aten::mm", 128.0, 144.0),
        event("Optimizer.step#SGD.step", "user_annotation", 200.0, 240.0),
        event("aten::add_", "cpu_op", 210.0, 230.0),
    ]


@pytest.mark.parametrize("first", [1000, 0])
def test_a_checkpoint_s_second_forward_pass_takes_the_first_none(
    tmp_path: Path, first: int
) -> None:
    """Three nodes are of the second thread, two of the main one. The numbers of both threads may be
    the same."""
    steps = [checkpointed(10 * number, first + 10 * number) for number in range(4)]
    rows = import_trace(write_trace(tmp_path / "t.json", in_steps(steps)), "t").operators
    tied = {row.operator: row.forward_index for row in rows if row.phase == "backward"}
    assert [(row.operator, row.phase) for row in rows if row.phase != "backward"] == [
        ("aten::linear", "forward"),
        ("aten::relu", "forward"),
        ("aten::mean", "forward"),
        ("aten::add_", "optimizer"),
    ]
    assert tied == {
        "aten::div": 2,
        "aten::linear": 1,
        "aten::relu": 1,
        "aten::tanh": 1,
        "aten::tanh_backward": -1,
        "aten::threshold_backward": -1,
        "aten::mm": -1,
    }
