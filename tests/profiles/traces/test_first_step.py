"""A first step that runs what the others do, but takes far longer."""

from __future__ import annotations

from pathlib import Path

import pytest
from plain_steps import write_steps

from profiles.traces.imported import import_trace


@pytest.mark.parametrize(("first_us", "said"), [(1500.0, ""), (1530.0, "5.1 times")])
def test_a_first_step_that_takes_far_longer_is_said(
    tmp_path: Path, first_us: float, said: str
) -> None:
    """Over five times the 300 us of the others; it counts all the same."""
    path = write_steps(tmp_path / "t.json", *[[]] * 4, lengths=[first_us, 300.0, 300.0, 300.0])
    found = import_trace(path, "t")
    assert found.steps_used == 4
    assert found.profiled_mean_us == (first_us + 900) / 4
    added = f"; the first took {said} as long as their median, and is counted"
    assert found.steps_told == "ProfilerStep marks" + (added if said else "")
