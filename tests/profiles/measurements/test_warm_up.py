"""How many steps of a job are warm-up."""

from __future__ import annotations

import pytest

from profiles.measurements.phases import warm_up_steps


@pytest.mark.parametrize(
    ("durations_s", "steps"),
    [
        ([], 0),
        ([1.0, 1.0, 1.0, 1.0], 0),
        ([9.0, 1.0, 1.0, 1.0], 1),  # what is made once
        ([3.0, 2.0, 1.5, 1.0, 1.0, 1.0, 1.0], 3),  # slowly
        ([1.0, 1.0, 9.0, 1.0, 1.0], 0),  # noise
        ([9.0, 1.0, 1.0, 1.0, 9.0, 1.0], 1),
        ([9.0, 1.0, 9.0, 1.0, 1.0, 1.0], 3),  # two slow ones of three are no noise
        ([9.0, 1.0, 1.0, 1.2, 1.0], 1),  # the first, then noise
        ([1.1, 1.1, 1.1, 1.1], 0),  # within the tolerance
        ([9.0, 9.0], 1),  # too few to judge more than the first
    ],
)
def test_by_hand(durations_s: list[float], steps: int) -> None:
    assert warm_up_steps(durations_s, 1.0) == steps
