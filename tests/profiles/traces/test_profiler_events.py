"""Operators, gaps and ties from events of the profiler, made by hand.

Times are in nanoseconds and begin where real ones do, long after 1970.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.profiler import ProfilerActivity, profile, record_function

from profiles.traces.profiler_events import (
    INPUT_MARK,
    MODULE_MARK,
    PHASE_MARK,
    Called,
    read_calls,
    split_steps,
    tie_backward_to_forward,
    transient_peak_bytes,
)

NOW_NS = 1_763_850_000_000_000_123


@dataclass(frozen=True)
class Event:
    """An event as Kineto has it."""

    label: str
    start: int
    duration: int = 0
    sequence: int = -1
    bytes: int = 0
    inputs: tuple[tuple[int, ...], ...] = ()

    def name(self) -> str:
        return self.label

    def start_ns(self) -> int:
        return NOW_NS + self.start

    def duration_ns(self) -> int:
        return self.duration

    def sequence_nr(self) -> int:
        return self.sequence

    def nbytes(self) -> int:
        return self.bytes

    def shapes(self) -> list[list[int]]:
        return [list(shape) for shape in self.inputs]

    def dtypes(self) -> list[str]:
        return ["float"] * len(self.inputs)


def timed(calls: Sequence[Called]) -> list[tuple[str, float, float]]:
    """Name, gap before and duration in microseconds."""
    return [(call.name, call.gap_before_us, call.duration_us) for call in calls]


def test_operators_are_the_outermost_and_gaps_lie_between_them() -> None:
    """Also where a gap is shorter than a float that counts from 1970 could tell."""
    calls = read_calls(
        [
            Event("aten::linear", 0, 1000),
            Event("aten::t", 100, 200),
            Event("aten::addmm", 400, 599),
            Event("aten::relu", 1001, 250),
            Event("aten::sigmoid", 3251, 50),
        ]
    )
    assert timed(calls) == [
        ("aten::linear", 0.0, 1.0),
        ("aten::relu", 0.001, 0.25),
        ("aten::sigmoid", 2.0, 0.05),
    ]
    assert [call.events for call in calls] == [3, 1, 1]


def test_events_come_in_any_order_and_a_parent_before_its_child() -> None:
    """Both may start in the same nanosecond."""
    events = [Event("aten::mm", 0, 90), Event("aten::matmul", 0, 100), Event("aten::add", 100, 10)]
    assert [call.name for call in read_calls(events[::-1])] == ["aten::matmul", "aten::add"]
    assert read_calls(events)[0].events == 2
    assert read_calls([]) == []


def test_what_is_no_operator_costs_the_profiler_something_in_the_gap() -> None:
    calls = read_calls(
        [
            Event("aten::add", 0, 10),
            Event("Optimizer.step#Adam.step", 20, 100),
            Event("autograd::engine::evaluate_function", 30, 5),
            Event("aten::mul", 50, 10),
            Event("[memory]", 70, 0, bytes=8),
            Event("aten::mul", 80, 10),
        ]
    )
    assert [call.events_before for call in calls] == [0, 2, 0]


def test_marks_say_phase_and_module_and_cost_nothing() -> None:
    """The innermost mark counts, as long as it is open."""
    calls = read_calls(
        [
            Event(PHASE_MARK + "forward", 0, 1000),
            Event("aten::view", 10, 10),
            Event(MODULE_MARK + "top", 100, 500),
            Event(MODULE_MARK + "top.0", 110, 100),
            Event("aten::linear", 120, 50),
            Event("aten::add", 300, 50),
            Event("aten::sum", 700, 50),
            Event(PHASE_MARK + "backward", 1000, 500),
            Event("aten::ones_like", 1100, 50),
        ]
    )
    assert [(call.phase, call.module) for call in calls] == [
        ("forward", ""),
        ("forward", "top.0"),
        ("forward", "top"),
        ("forward", ""),
        ("backward", ""),
    ]
    assert [call.events_before for call in calls] == [0] * 5


def test_backward_operators_belong_to_the_forward_operator_of_their_node() -> None:
    """The node carries the number, the operators under it need not; what accumulates a gradient
    belongs to nobody; a number that several operators saw is that of the last to start with it."""
    calls = read_calls(
        [
            Event(PHASE_MARK + "forward", 0, 1000),
            Event(MODULE_MARK + "top.0", 0, 300),
            Event("aten::view", 10, 10, sequence=7),
            Event("aten::linear", 100, 100, sequence=7),
            Event("aten::t", 110, 10, sequence=7),
            Event("aten::addmm", 130, 50, sequence=8),
            Event("aten::relu", 400, 100, sequence=9),
            Event(PHASE_MARK + "backward", 1000, 9000),
            Event("autograd::engine::evaluate_function: ReluBackward0", 1100, 400, sequence=9),
            Event("ReluBackward0", 1110, 300, sequence=9),
            Event("aten::threshold_backward", 1120, 200),
            Event("autograd::engine::evaluate_function: AddmmBackward0", 2000, 900, sequence=8),
            Event("AddmmBackward0", 2010, 500, sequence=8),
            Event("aten::mm", 2020, 100),
            Event("aten::mm", 2200, 100),
            Event("aten::sum", 2700, 100),
            Event("SomeBackward2", 4000, 500, sequence=7),
            Event("aten::mul", 4100, 100),
            Event("torch::autograd::AccumulateGrad", 5000, 500),
            Event("aten::detach", 5100, 100),
        ]
    )
    tie_backward_to_forward(calls)
    assert [(call.name, call.forward_index, call.module) for call in calls] == [
        ("aten::view", -1, "top.0"),
        ("aten::linear", -1, "top.0"),
        ("aten::relu", -1, ""),
        ("aten::threshold_backward", 2, ""),
        ("aten::mm", 1, "top.0"),
        ("aten::mm", 1, "top.0"),
        ("aten::sum", 1, "top.0"),
        ("aten::mul", 1, "top.0"),
        ("aten::detach", -1, ""),
    ]


def test_a_step_lasts_from_its_mark_to_the_next_one() -> None:
    """What follows the last is none."""
    labels = [INPUT_MARK, "aten::a", INPUT_MARK, "aten::b", "aten::c", INPUT_MARK, "aten::d"]
    calls = read_calls([Event(label, 10 * at, 5) for at, label in enumerate(labels)])
    steps = split_steps(calls)
    assert [[call.name for call in step] for step in steps] == [
        [INPUT_MARK, "aten::a"],
        [INPUT_MARK, "aten::b", "aten::c"],
    ]
    assert split_steps(calls[:2]) == []


@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(1, 5000)), min_size=1, max_size=40))
def test_durations_and_gaps_are_all_the_time_there_is(pieces: list[tuple[int, int]]) -> None:
    """To a nanosecond, from the first operator's start to the last one's end."""
    events, at = [], 0
    for gap, duration in pieces:
        at += gap if events else 0
        events.append(Event("aten::add", at, duration))
        at += duration
    calls = read_calls(events)
    assert len(calls) == len(pieces)
    total_us = sum(call.duration_us + call.gap_before_us for call in calls)
    assert total_us == pytest.approx(at / 1e3, abs=1e-6)


def test_the_peak_is_the_highest_running_sum_of_the_allocator() -> None:
    sizes = [100, 50, -100, 200, -50, -200, 10]
    events = [Event("[memory]", at, bytes=size) for at, size in enumerate(sizes)]
    assert transient_peak_bytes(events[::-1]) == 250
    assert transient_peak_bytes([Event("aten::add", 0, 10)]) == 0


def test_a_real_backward_pass_is_tied_but_for_its_ends() -> None:
    """A bias's gradient is summed outside its node; what is done in place on a view records several
    numbers. The first gradient comes from no operator, and handing them over is of none."""
    layer, values = torch.nn.Linear(4, 4), torch.ones(2, 3, 4)
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as observed:
        with record_function(PHASE_MARK + "forward"):
            loss = torch.relu_(layer(values)).sum()
        with record_function(PHASE_MARK + "backward"):
            loss.backward()
    calls = read_calls(observed.profiler.kineto_results.events())
    tie_backward_to_forward(calls)
    backward = [call for call in calls if call.phase == "backward"]
    tied = {
        (call.name, calls[call.forward_index].name) for call in backward if call.forward_index >= 0
    }
    assert ("aten::mm", "aten::linear") in tied
    assert ("aten::sum", "aten::linear") in tied
    assert ("aten::new_zeros", "aten::relu_") in tied
    assert ("aten::clone", "aten::relu_") in tied
    untied = {call.name for call in backward if call.forward_index < 0}
    assert untied <= {"aten::ones_like", "aten::detach", "aten::new_empty_strided", "aten::copy_"}
