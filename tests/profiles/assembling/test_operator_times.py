"""Operators and their times joined, the profiler's own cost taken out: by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from profiles.assembling.operator_times import (
    OperatorTimes,
    closure_of,
    merge_operators,
    total_work,
)
from profiles.traces.profiler_events import INPUT_MARK, Called
from profiles.work.operator_formulas import OperatorWork
from rmixer.errors import RunFailed

CALLS = [
    Called(INPUT_MARK, 5.0, phase="input"),
    Called(
        "aten::mm",
        20.0,
        phase="forward",
        module="top",
        operands="2x3 3x5",
        work=OperatorWork(60, 84, 40),
    ),
    Called("aten::mm", 30.0, phase="backward", module="top", forward_index=1),
]
EVENTS = np.array([1, 3, 2])
BEFORE = np.array([0, 2, 1])


def block(durations: list[list[float]], gaps: list[list[float]]) -> dict[str, Any]:
    """What a profiled block answers."""
    return {
        "names": [call.name for call in CALLS],
        "durations": np.array(durations),
        "gaps": np.array(gaps),
        "events": EVENTS,
        "events_before": BEFORE,
    }


ONE = block([[5.0, 20.0, 30.0]], [[10.0, 8.0, 6.0]])
TWO = block([[7.0, 24.0, 30.0]], [[10.0, 8.0, 8.0]])


def test_each_event_is_taken_out_where_it_fell() -> None:
    """At 2 us an event: one half of an operator's own event and those nested in it from its
    duration, the other half and those before it from the gap."""
    times = merge_operators(CALLS, [ONE], event_us=2.0, threads=1)
    assert times.durations_us.tolist() == [[5 - 1, 20 - 5, 30 - 3]]
    assert times.gaps_us.tolist() == [[10 - 1, 8 - 5, 6 - 3]]
    # Of the 79 us that were seen, nine events took two each.
    assert times.total_us == 79 - 2 * (EVENTS.sum() + BEFORE.sum())


def test_no_time_becomes_negative() -> None:
    """At 10 us an event the first two operators, the input's gap and the two others would be 0, -5,
    5, -17 and -9 us, the last 15: 31 us are not let fall."""
    assert merge_operators(CALLS, [ONE], event_us=10.0, threads=1).total_us == 5 + 15
    assert merge_operators(CALLS, [ONE], event_us=100.0, threads=1).total_us == 0


def test_steps_of_all_blocks_count_alike() -> None:
    times = merge_operators(CALLS, [ONE, TWO], event_us=0.0, threads=1)
    assert times.durations_us.tolist() == [[5, 20, 30], [7, 24, 30]]
    assert times.total_us == (79 + 87) / 2


def test_a_step_in_which_the_machine_stalled_is_left_out() -> None:
    stalled = block([[5.0, 20.0, 3000.0]], [[10.0, 8.0, 6.0]])
    times = merge_operators(CALLS, [ONE, stalled, ONE], event_us=0.0, threads=1)
    assert len(times.durations_us) == 2
    assert times.total_us == 79


def test_a_step_that_changes_is_refused() -> None:
    other = {**ONE, "names": ["rmixer::input", "aten::mm", "aten::bmm"]}
    told = "same operators every time: where one runs aten::mm, another runs aten::bmm"
    with pytest.raises(RunFailed, match=told):
        merge_operators(CALLS, [ONE, other], event_us=0.0, threads=1)


def test_closure_is_signed_and_relative_to_the_measured_step() -> None:
    times = merge_operators(CALLS, [ONE], event_us=0.0, threads=1)
    assert closure_of(times.total_us, 79.0) == 0
    assert closure_of(times.total_us, 79.0 / 1.25) == pytest.approx(0.25)
    assert closure_of(times.total_us, 158.0) == pytest.approx(-0.5)


def test_rows_of_the_table() -> None:
    steps = [[float(5 + i), 20.0, 30.0] for i in range(11)]
    times = OperatorTimes(CALLS, np.array(steps), np.full((11, 3), 4.0), threads=2)
    first, second, third = times.costs()
    assert [row.index for row in (first, second, third)] == [0, 1, 2]
    assert (first.operator, first.phase, first.flops) == ("input", "input", 0)
    assert (first.p10_us, first.p50_us, first.p90_us, first.mean_us) == (6.0, 10.0, 14.0, 10.0)
    assert {row.gap_before_us for row in (first, second, third)} == {4.0}
    assert {row.threads for row in (first, second, third)} == {2}
    assert (second.operator, second.module, second.shapes) == ("aten::mm", "top", "2x3 3x5")
    assert (second.flops, second.read_bytes, second.written_bytes) == (60, 84, 40)
    assert (third.phase, third.forward_index) == ("backward", 1)


def test_the_work_of_a_step_is_counted_for_one_thread_count() -> None:
    rows = []
    for threads in (1, 2):
        times = OperatorTimes(CALLS, np.ones((1, 3)), np.zeros((1, 3)), threads)
        rows += times.costs()
    assert total_work(rows, 1) == total_work(rows, 2) == (60, 124)
