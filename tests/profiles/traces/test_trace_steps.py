"""Where steps begin: by marks, by a marker of one's own, by repetition."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from gpu_trace import event, two_steps, write_trace
from hypothesis import given
from hypothesis import strategies as st

from profiles.traces.chrome_trace import read_chrome_trace
from profiles.traces.host_trace import read_host_trace
from profiles.traces.trace_steps import Steps, find_steps, repetition
from rmixer.errors import InputError

US = 1000


def found(tmp_path: Path, events: list[dict[str, Any]], marker: str | None = None) -> Steps:
    trace = read_chrome_trace(write_trace(tmp_path / "trace.json", events))
    return find_steps(trace, read_host_trace(trace.events).calls, marker)


def operators(*names: str, start: float = 0.0) -> list[dict[str, Any]]:
    """Operators of 6 us every 10 us."""
    return [
        event(name, "cpu_op", start + 10.0 * at, start + 10.0 * at + 6.0)
        for at, name in enumerate(names)
    ]


def test_the_profilers_own_marks_are_whole_steps(tmp_path: Path) -> None:
    """Those that it draws on the GPU are not counted again."""
    steps = found(tmp_path, two_steps())
    assert steps.spans == ((5000 * US, 6000 * US), (6000 * US, 7000 * US))
    assert steps.told == "ProfilerStep marks"


def test_with_a_marker_a_step_lasts_until_the_next_one_begins(tmp_path: Path) -> None:
    """The last mark begins no whole step. A marker goes before the profiler's own marks."""
    steps = found(tmp_path, two_steps(), "Optimizer.step#SGD.step")
    assert steps.spans == ((5300 * US, 6300 * US),)
    assert steps.told == "marker Optimizer.step#SGD.step"


@pytest.mark.parametrize(("marker", "times"), [("train", "never"), ("ProfilerStep#1", "once")])
def test_a_marker_that_marks_no_step(tmp_path: Path, marker: str, times: str) -> None:
    with pytest.raises(InputError) as error:
        found(tmp_path, two_steps(), marker)
    assert error.value.where == "--step-marker"
    assert f"{marker!r} {times} in" in str(error.value)
    assert "such as Optimizer.step#SGD.step (2 times)" in str(error.value)


def test_without_marks_steps_are_what_repeats_up_to_the_end(tmp_path: Path) -> None:
    """What came first, here a warm-up, does not: ``x a a b c | a b c | a b``."""
    names = ["aten::x", "aten::a", *["aten::a", "aten::b", "aten::c"] * 2, "aten::a", "aten::b"]
    third = [event("Optimizer.step#A", "user_annotation", at, at + 9.0) for at in (39.0, 69.0)]
    steps = found(tmp_path, [*operators(*names), *third])
    assert steps.told == "repetition"
    assert steps.spans == ((20 * US, 50 * US), (50 * US, 80 * US))


def test_layers_of_a_forward_pass_are_no_steps(tmp_path: Path) -> None:
    """One of five alike, or five of one: nothing tells."""
    with pytest.raises(InputError, match="nor training steps that repeat themselves"):
        found(tmp_path, operators(*["aten::linear", "aten::relu"] * 5))


def test_a_repeated_step_begins_after_the_optimizer(tmp_path: Path) -> None:
    """The trace began in the middle of one."""
    events: list[dict[str, Any]] = []
    for at in range(0, 120, 40):
        events += operators("aten::mm", "aten::add_", "aten::mul_", "aten::cat", start=float(at))
        events.append(event("Optimizer.step#SGD.step", "user_annotation", at + 9.0, at + 27.0))
    assert found(tmp_path, events).spans == ((30 * US, 70 * US), (70 * US, 110 * US))


def trained(*input_operators: int) -> list[dict[str, Any]]:
    """A step for each of ``input_operators``, how many of those it has, every 100 us: then the
    forward pass, the backward pass, and the optimizer's operators, one a parameter."""
    events: list[dict[str, Any]] = []
    for number, count in enumerate(input_operators):
        at = 100.0 * number
        loading = operators(*["aten::set_"] * count, start=at)
        events += [*loading, event("enumerate(DataLoader)#next", "user_annotation", at, at + 49.0)]
        events += operators("aten::mm", start=at + 50.0)
        node = "autograd::engine::evaluate_function: MmBackward0"
        events.append(event(node, "cpu_op", at + 59.0, at + 67.0))
        events += operators("aten::mm", "aten::add_", "aten::add_", start=at + 60.0)
        mark = event("Optimizer.step#SGD.step", "user_annotation", at + 69.0, at + 88.0)
        events.append(mark)
    return events


def test_the_input_of_a_loader_with_processes_comes_as_it_comes(tmp_path: Path) -> None:
    """It is the step's that follows, however much there is: all steps but these repeat."""
    steps = found(tmp_path, trained(2, 4, 0, 2, 0))
    starts = [0, 100, 250, 300, 450]
    assert steps.spans == tuple((a * US, b * US) for a, b in itertools.pairwise(starts))


def test_what_is_not_repeated_and_what_may_be_several_steps_is_told(tmp_path: Path) -> None:
    """A step in the middle that is not like the others, after which 12 of 29 operators come; and
    steps of which every second one is followed by something else: what repeats is two of them."""
    odd = trained(0, 0, 0, 0, 0, 0, 0)
    odd += operators("aten::cat", start=395.0)
    assert found(tmp_path, odd).told == "repetition, which begins after 59% of the operators"
    logged = trained(0, 0, 0, 0, 0, 0)
    for start in (195.0, 395.0, 595.0):
        logged += operators("aten::cat", start=start)
    steps = found(tmp_path, logged)
    assert steps.spans == ((150 * US, 350 * US), (350 * US, 550 * US))
    assert "; each has 2 rounds of an optimizer: if one is a step, say so" in steps.told


Part = tuple[str, str]
FORWARD, LOSS = ("", "aten::mm"), ("", "aten::mean")
CLEAR, UPDATE = (
    ("Optimizer.zero_grad#A.zero_grad", "aten::zero_"),
    ("Optimizer.step#A", "aten::add_"),
)
BACKWARD = ("autograd::engine::evaluate_function: MmBackward0", "aten::t")
OTHER_UPDATE = ("Optimizer.step#B", "aten::mul_")


def in_parts(*parts: Part) -> list[dict[str, Any]]:
    """An operator every 10 us, each within a mark if it has one."""
    events: list[dict[str, Any]] = []
    for at, (mark, name) in enumerate(parts):
        events.append(event(name, "cpu_op", 10.0 * at + 2.0, 10.0 * at + 6.0))
        if mark:
            kind = "cpu_op" if mark.startswith("autograd") else "user_annotation"
            events.append(event(mark, kind, 10.0 * at + 1.0, 10.0 * at + 8.0))
    return events


@pytest.mark.parametrize(
    ("step", "begins"),
    [
        ((FORWARD, CLEAR, BACKWARD, UPDATE), 0),
        ((FORWARD, CLEAR, LOSS, BACKWARD, UPDATE), 0),
        ((CLEAR, FORWARD, BACKWARD, UPDATE), 1),  # what clears after an update ends its step
        ((FORWARD, LOSS, BACKWARD, UPDATE, CLEAR), 0),
        ((FORWARD, CLEAR, CLEAR, BACKWARD, UPDATE, OTHER_UPDATE), 0),
    ],
)
def test_setting_gradients_to_zero_is_no_round(
    tmp_path: Path, step: tuple[Part, ...], begins: int
) -> None:
    """Wherever in a step it stands."""
    steps = found(tmp_path, in_parts(*step * 4))
    assert steps.told == "repetition"
    first = (10 * begins + 2) * US
    assert steps.spans[0] == (first, first + 10 * len(step) * US)


def test_a_step_that_calls_both_passes_is_one_round(tmp_path: Path) -> None:
    """An optimizer that is given a closure, and calls it twice."""
    events: list[dict[str, Any]] = []
    for number in range(3):
        at = 100.0 * number
        for each in in_parts(FORWARD, BACKWARD, UPDATE, FORWARD, BACKWARD, UPDATE, FORWARD):
            if not each["name"].startswith("Optimizer"):
                events.append({**each, "ts": each["ts"] + at})
        events.append(event("Optimizer.step#LBFGS.step", "user_annotation", at, at + 58.0))
    assert found(tmp_path, events).told == "repetition"


def test_optimizers_within_a_backward_pass_are_one_round(tmp_path: Path) -> None:
    """Each parameter is updated as soon as its gradient is there; two passes are two rounds."""
    node = "autograd::engine::evaluate_function: torch::autograd::AccumulateGrad"
    once = [*operators("aten::mm", "aten::t", "aten::add_", "aten::t", "aten::add_")]
    once += [event(node, "cpu_op", at, at + 18.0) for at in (9.0, 29.0)]
    once += [
        event(f"Optimizer.step#{name}", "user_annotation", at, at + 7.5)
        for name, at in (("A", 19.0), ("B", 39.0))
    ]
    events = [{**each, "ts": each["ts"] + 50.0 * at} for at in range(4) for each in once]
    steps = found(tmp_path, events)
    assert steps.told == "repetition"
    assert steps.spans[0] == (0, 50 * US)
    both = [FORWARD, BACKWARD, UPDATE, LOSS, BACKWARD, OTHER_UPDATE]
    assert "each has 2 rounds of an optimizer" in found(tmp_path, in_parts(*both * 3)).told


def test_an_optimizer_that_does_the_same_for_each_parameter_makes_no_steps(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nor training steps that repeat themselves"):
        found(tmp_path, trained(2))


def test_where_nothing_tells_the_message_says_what_to_give(tmp_path: Path) -> None:
    marks = [event("batch", "user_annotation", 20.0 * at, 20.0 * at + 19.0) for at in range(2)]
    with pytest.raises(InputError) as error:
        found(tmp_path, [*operators("aten::a", "aten::b", "aten::c"), *marks])
    message = str(error.value)
    assert "steps: found neither ProfilerStep marks nor training steps that repeat" in message
    assert "--step-marker NAME" in message
    assert "batch (2 times)" in message


def by_trying(items: Sequence[int]) -> tuple[int, int]:
    """The longest end with a period that fits twice, the shortest of its periods."""
    for first in range(len(items)):
        end = items[first:]
        for period in range(1, len(end) // 2 + 1):
            if all(end[at] == end[at + period] for at in range(len(end) - period)):
                return first, period
    return len(items), 0


@given(st.lists(st.integers(0, 2), max_size=24))
def test_repetition_is_what_trying_every_length_finds(items: list[int]) -> None:
    assert repetition(items) == by_trying(items)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.integers(2, 5), st.integers(0, 5))
def test_a_pattern_is_found_though_it_is_cut_off(pattern: list[int], times: int, more: int) -> None:
    """Whatever stands before it, here what no pattern has."""
    first, period = repetition([9, 8, *pattern * times, *pattern[: more % len(pattern)]])
    assert first == 2
    assert len(pattern) % period == 0
