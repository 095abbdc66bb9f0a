"""Nodes of operators that were recorded by another thread than the main one."""

from __future__ import annotations

from pathlib import Path

import pytest
from gpu_trace import SECOND, Event, event, write_trace
from plain_steps import EVALUATE, in_steps, node, recorded, training

from profiles.traces.imported import import_trace

TRAINED = [
    ("aten::addmm", "forward", 20.0),
    ("aten::mm", "backward", 20.0),
    ("aten::add_", "optimizer", 15.0),
]


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


@pytest.mark.parametrize("first", [5000, 0])
def test_two_trainings_share_autograd_s_thread(tmp_path: Path, first: int) -> None:
    """The other one: addmm 16, bmm 26 in its node and a sum of 4 after it, mul_ 10. Both may count
    alike."""
    steps = [
        [
            *training(number, SECOND),
            recorded("aten::addmm", 12.0, 28.0, first + number, 99),
            *node("BmmBackward0", 90.0, 120.0, first + number, SECOND, 3),
            inside("aten::bmm", 92.0, 118.0),
            event(EVALUATE + "torch::autograd::AccumulateGrad", "cpu_op", 121.0, 127.0, SECOND),
            inside("aten::sum", 122.0, 126.0),
            event("Optimizer.step#SGD.step", "user_annotation", 125.0, 140.0, 99),
            event("aten::mul_", "cpu_op", 128.0, 138.0, 99),
        ]
        for number in range(4)
    ]
    found = import_trace(write_trace(tmp_path / "t.json", in_steps(steps)), "t")
    assert [(row.operator, row.phase, row.mean_us) for row in found.operators] == TRAINED
    assert (found.other_operators, found.other_us) == (16, 16 + 26 + 4 + 10)


def test_two_processes_in_a_trace(tmp_path: Path) -> None:
    """Threads of the second one have the numbers of the first one's."""
    both = []
    for each in in_steps([training(number, SECOND) for number in range(4)]):
        both += [each] if "ProfilerStep" in each["name"] else [each, {**each, "pid": 20}]
    found = import_trace(write_trace(tmp_path / "t.json", both), "t")
    assert [(row.operator, row.phase, row.mean_us) for row in found.operators] == TRAINED
    assert (found.other_operators, found.other_us) == (12, 20 + 20 + 15)


def test_a_kernel_is_of_the_thread_that_launched_it_whatever_its_external_id(
    tmp_path: Path,
) -> None:
    """That is the addmm's, and so is a kernel of 40 us with it whose launch is not known."""
    steps = []
    for number in range(4):
        step = training(number)
        ours = {"External id": 50 + number}
        step[0] = {**step[0], "args": {**step[0]["args"], **ours}}
        step += [
            event("cudaLaunchKernel", "cuda_runtime", 12.0, 14.0, correlation=1),
            event("gemm", "kernel", 20.0, 120.0, correlation=1),
            event("unseen", "kernel", 130.0, 170.0, correlation=9, **ours),
            event("aten::conv2d", "cpu_op", 39.0, 44.0, 99),
            event("cudaLaunchKernel", "cuda_runtime", 40.0, 42.0, 99, correlation=2),
            event("other", "kernel", 180.0, 200.0, correlation=2, **ours),
        ]
        steps.append(step)
    found = import_trace(write_trace(tmp_path / "t.json", in_steps(steps)), "t")
    addmm = found.operators[0]
    assert (addmm.operator, addmm.lane, addmm.mean_us) == ("aten::addmm", "gpu", 100 + 40)
    assert (found.unclaimed_us, found.left_out) == (20, {"other": 20})
