"""A job beside a bubble on its GPU, by a worker and a bubble that answer as told."""

from __future__ import annotations

from typing import Any

from profiles.machines.gpu_bubble import gpu_levels
from profiles.measurements.neighbours import Neighbours, measure_gpu_neighbours
from rmixer.model_profile.model_profile import Sensitivity


class Bubble:
    """Works as told; remembers what at."""

    def __init__(self) -> None:
        self.work: tuple[str, int, float] | None = None

    def levels(self) -> list[tuple[str, int, float]]:
        return [("compute", 50, 1.0), ("stream", 100, 0.5)]

    def start(self, work: str, seconds: float, count: int, duty: float) -> None:
        self.work = (work, count, duty)

    def rates(self, count: int) -> list[float]:
        self.work = None
        return [1.0]


class Worker:
    """A step of 10 ms alone, 20 beside the one and 15 beside the other."""

    def __init__(self, bubble: Bubble) -> None:
        self._bubble = bubble

    def ask(self, kind: str, seconds: float) -> dict[str, Any]:
        beside = {None: 0.010, ("compute", 50, 1.0): 0.020, ("stream", 100, 0.5): 0.015}
        return {"skipped_s": 0.0, "durations": [beside[self._bubble.work]] * 10}


def test_each_level_in_turn_with_the_job_alone() -> None:
    bubble: Any = Bubble()
    worker: Any = Worker(bubble)
    found = measure_gpu_neighbours(worker, bubble, alone_s=0.01)
    assert [len(ratios) for ratios in found.ratios.values()] == [5, 5]
    assert found.points("gpu") == (
        Sensitivity("compute", 50, 1.0, 2.0, "gpu", 0.0),
        Sensitivity("stream", 100, 0.5, 1.5, "gpu", 0.0),
    )


def test_how_far_readings_differ_is_kept() -> None:
    """Half the 95% interval of two readings, 1.0 and 1.2: 12.706 x 0.1414 / sqrt 2 / 1.1."""
    found = Neighbours({("stream", 1, 1.0): [1.0, 1.2], ("compute", 1, 1.0): [1.0]})
    assert found.points() == (
        Sensitivity("stream", 1, 1.0, 1.1, "cpu", 1.1551),
        Sensitivity("compute", 1, 1.0, 1.0, "cpu", None),
    )


def test_shares_of_the_multiprocessors_and_of_the_bandwidth() -> None:
    assert gpu_levels(132) == [
        ("compute", 33, 1.0),
        ("compute", 66, 1.0),
        ("compute", 132, 1.0),
        ("stream", 132, 0.25),
        ("stream", 132, 0.5),
        ("stream", 132, 1.0),
    ]
    assert [count for work, count, _ in gpu_levels(1) if work == "compute"] == [1]
