"""What is told of how long profiling takes, by hand."""

from __future__ import annotations

import pytest

from profiles.measurements.rounds import Plan
from profiles.profiler.duration import profiling_seconds, slow_step_seconds


def test_without_a_gpu_it_is_the_counts_of_threads() -> None:
    """9 s of start and phases, two workers of up to 2 x 3 s, half the sweep's 20 s where a core
    is left over."""
    plan = Plan(seconds=3.0, sweep_seconds=20.0)
    assert profiling_seconds(2, (1, 2), plan) == (9 + 12 + 10) + (9 + 12)


def test_a_step_that_is_not_slow_is_not_told() -> None:
    assert slow_step_seconds(0.01, 1, Plan()) is None
    assert slow_step_seconds(0.35, 0, Plan()) is None


def test_a_slow_step_has_its_least_number_of_steps() -> None:
    """9 more for the phases, and half of 20 evaluated batches; in each of two workers two rounds
    of three blocks of one step, their first two, and one beside the profiler; one for the
    structure."""
    assert slow_step_seconds(9.0, 0, Plan(least_rounds=2)) == 9 * (19 + 12 + 6 + 1)


def test_its_sweep_is_one_step_at_each_level() -> None:
    """One alone; beside a bubble of two kinds, up to 2.2 times as long."""
    told = slow_step_seconds(9.0, 1, Plan(least_rounds=2))
    assert told == pytest.approx(9 * (38 + 1 + 2 * 2.2))
    assert slow_step_seconds(9.0, 1, Plan(least_rounds=2, neighbours=False)) == 9 * 38
