"""What is said of a job that hangs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from executor.supervision.watch import Watch

PLACE = ("cpu:0", 0)


@pytest.mark.parametrize(
    ("made", "phases", "told"),
    [
        ([0.5] * 40, [("train", 0.0)], "it made 40 steps, then none for 40 s (phase train)"),
        ([], [("build", 0.0)], "it gave no sign of life for 40 s (phase build)"),
        ([], [], "it gave no sign of life for 40 s (phase start)"),
    ],
)
def test_how_many_steps_it_made_before(made: list[float], phases: list[Any], told: str) -> None:
    """Nothing is used of the processor."""
    workers: Any = SimpleNamespace(cpu_s=lambda place: 3.0)
    record: Any = SimpleNamespace(step_ends_s=made, steps=len(made), phases=phases)
    watch = Watch(workers, 30.0)
    watch.alive(PLACE, 100.0)
    assert watch.look({PLACE: record}, 120.0) == []
    ((place, why),) = watch.look({PLACE: record}, 140.0)
    assert (place, str(why)) == (PLACE, told)
