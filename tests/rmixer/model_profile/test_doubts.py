"""When figures are doubtful: a worker that waited over 10%, an interval wider than ±20%."""

from __future__ import annotations

import pytest

from rmixer.model_profile.doubts import doubt_about_interval, doubts_about
from rmixer.model_profile.model_profile import ModelProfile, StepMeasurement
from rmixer.testing.made_up import make_operator, make_profile, make_step


def profile(waited: float, half_width: float) -> ModelProfile:
    """Of which the step with two threads was measured like this."""
    measured = StepMeasurement(100, 0, half_width, 0.0, 4, 0, {}, waited)
    steps = [make_step(), make_step(threads=2, measurement=measured)]
    return make_profile("criteo_dlrm", steps, [make_operator(10_000.0)])


@pytest.mark.parametrize(
    ("waited", "half_width", "told"),
    [
        (0.10, 0.20, None),
        (0.101, 0.0, "with 2 thread(s): its worker waited 10% of the time for its cores"),
        (0.82, 0.5, "with 2 thread(s): its worker waited 82% of the time for its cores"),
        (0.0, 0.31, "with 2 thread(s): its mean step is known to ±31% only"),
    ],
)
def test_what_a_measurement_says(waited: float, half_width: float, told: str | None) -> None:
    found = profile(waited, half_width)
    expected = () if told is None else (f"{found.key} {told}",)
    assert doubts_about([found]) == expected


def test_what_was_not_measured_is_not_doubted() -> None:
    modelled = make_profile("criteo_dlrm", [make_step()], [make_operator(10_000.0)])
    assert doubts_about([modelled]) == ()


@pytest.mark.parametrize(
    ("interval_s", "wide"), [(None, False), ((80.0, 120.0), False), ((79.0, 125.0), True)]
)
def test_an_interval(interval_s: tuple[float, float] | None, wide: bool) -> None:
    """79 to 125 s around 100 s is ±23%."""
    told = ("the makespan is known to ±23% only",) if wide else ()
    assert doubt_about_interval(100.0, interval_s) == told
