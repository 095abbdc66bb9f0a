"""Which rounds tell of operators, and in which units, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_rounds import rounds_of

from profiles.assembling.operator_times import closure_of, merge_operators
from profiles.measurements.quiet_rounds import Round, mean_s, typical_profiled
from profiles.traces.profiler_events import Called


def blocks_of(*rounds: tuple[float, float, float]) -> list[Round]:
    """Rounds of three blocks of two equal steps, in milliseconds; in the middle one, with the
    profiler, a quarter of a step is the gap before its only operator."""
    return rounds_of(
        probes_s=[1e-3] * len(rounds),
        plain=[[step * 1e-3] * 2 for first, _, last in rounds for step in (first, last)],
        profiled=[profiled(middle) for _, middle, _ in rounds],
        event_us=[0.0] * len(rounds),
    )


def profiled(step_ms: float) -> dict[str, Any]:
    return {
        "names": ["aten::mm"],
        "durations": np.full((2, 1), 750.0 * step_ms),
        "gaps": np.full((2, 1), 250.0 * step_ms),
        "events": np.array([1]),
        "events_before": np.array([0]),
    }


def steps_us(blocks: list[Round]) -> list[float]:
    return [
        float((block["durations"] + block["gaps"]).sum(axis=1).mean())
        for block in typical_profiled(blocks)
    ]


def test_the_first_and_last_third_are_left_out() -> None:
    """Six rounds on a steady machine: four of no third remain two, in their order."""
    middles = (11.0, 15.0, 10.2, 10.1, 9.0, 10.0)
    found = steps_us(blocks_of(*((10.0, middle, 10.0) for middle in middles)))
    assert found == pytest.approx([10_200.0, 10_100.0])
    few = blocks_of((10.0, 11.0, 10.0), (10.0, 15.0, 10.0))
    assert steps_us(few) == pytest.approx([11_000.0, 15_000.0])


def test_a_round_on_a_slow_machine_is_told_as_if_it_were_as_fast_as_on_average() -> None:
    """Steps of 10 ms, of 20 ms in the second round, 15 ms in the mean; the profiler costs 10%."""
    found = typical_profiled(blocks_of((10.0, 11.0, 10.0), (20.0, 22.0, 20.0)))
    for block in found:
        assert block["durations"] == pytest.approx(np.full((2, 1), 0.75 * 16_500.0))
        assert block["gaps"] == pytest.approx(np.full((2, 1), 0.25 * 16_500.0))
        assert block["names"] == ["aten::mm"]


@given(
    speeds=st.lists(st.floats(0.5, 2.0), min_size=3, max_size=12),
    slower=st.floats(1.05, 3.0),
    place=st.integers(0, 11),
)
def test_one_round_in_which_the_machine_changed_does_not_move_the_closure(
    speeds: list[float], slower: float, place: int
) -> None:
    """However fast each round was; the profiler costs 3%."""
    rounds = [(10.0 * speed, 10.3 * speed, 10.0 * speed) for speed in speeds]
    first, middle, last = rounds[place % len(rounds)]
    rounds[place % len(rounds)] = (first, middle * slower, last)
    blocks = blocks_of(*rounds)
    call = Called("aten::mm", 0.0)
    times = merge_operators([call], typical_profiled(blocks), 0.0, 1)
    assert closure_of(times.total_us, mean_s(blocks) * 1e6) == pytest.approx(0.03)
