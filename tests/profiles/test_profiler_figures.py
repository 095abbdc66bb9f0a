"""What the profiler makes of its measurements, by hand."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from profiles import profiler
from rmixer.profile import ModelProfile
from sim.made_up import make_job, make_machine, make_operator, make_profile, make_step


class Bubbles:
    """Streams that run at given rates."""

    def __init__(self, beside_compute: float, beside_stream: float) -> None:
        self._rates = {"compute": beside_compute, "stream": beside_stream}

    def __len__(self) -> int:
        return 2

    def pair(self, first: str, second: str, other: int, seconds: float) -> float:
        assert (first, other) == ("stream", 1)
        return self._rates[second]

    def start(self, work: str, seconds: float, count: int) -> None:
        """Begin."""

    def rates(self, count: int) -> list[float]:
        return [12.0] * count


@pytest.mark.parametrize(
    ("beside_job", "pressure"),
    [
        (100.0, 0.0),  # no worse than a compute loop
        (50.0, 1.0),  # as bad as another stream
        (1 / 0.015, 0.5),  # 15 ms a unit lie half-way between 10 and 20
        (25.0, 3.0),
    ],
)
def test_pressure_is_a_share_of_what_another_stream_would_do(
    beside_job: float, pressure: float
) -> None:
    found = profiler._pressure(Bubbles(100.0, 50.0), beside_job)  # type: ignore[arg-type]
    assert found == pytest.approx(pressure)


def test_where_streams_do_not_disturb_each_other_there_is_no_pressure() -> None:
    assert profiler._pressure(Bubbles(100.0, 99.0), 10.0) == 0.0  # type: ignore[arg-type]


def test_slow_downs_between_the_counts_that_were_tried_are_interpolated() -> None:
    """Medians 1.2 and 2.0; below one is noise."""
    assert profiler._by_count({1: [1.1, 1.2, 9.0], 3: [2.0]}) == (1.2, 1.6, 2.0)
    assert profiler._by_count({1: [0.9], 2: [0.8]}) == (1.0, 1.0)
    assert profiler._by_count({}) == ()


@pytest.mark.parametrize(
    ("spare", "levels"), [(0, []), (1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (15, [1, 8, 15])]
)
def test_one_neighbour_half_of_them_and_all(spare: int, levels: list[int]) -> None:
    assert profiler._levels(spare) == levels


class Answering:
    """A worker whose steps last as given."""

    def __init__(self, durations_s: list[float]) -> None:
        self._durations_s = durations_s

    def ask(self, kind: str, seconds: float) -> dict[str, Any]:
        return {"durations": self._durations_s}


@pytest.mark.parametrize(
    ("durations_s", "mean_s"),
    [
        ([0.3, 0.3, 0.3, 0.3], 0.3),  # the fourth ended 0.2 s after the bubbles
        ([0.2, 0.4, 0.9], 0.3),
        ([1.5, 1.5, 1.5], 1.5),  # not one ended in time: the first was in company longest
    ],
)
def test_steps_that_outlast_the_bubbles_do_not_count(
    durations_s: list[float], mean_s: float
) -> None:
    worker: Any = Answering(durations_s)
    bubbles: Any = Bubbles(1.0, 1.0)
    found, rate = profiler._beside(worker, bubbles, "stream", 1, block_s=1.0)
    assert found == pytest.approx(mean_s)
    assert rate == 12.0


def assembled(flops: int, moved_bytes: int, step_us: float) -> ModelProfile:
    """On a core of 50 GFLOP/s and 10 GB/s, whose balance is 5 FLOPs a byte."""
    memory = make_profile().memory[0]
    operator = dataclasses.replace(make_operator(1.0, moved_bytes=moved_bytes), flops=flops)
    step = make_step(mean_us=step_us)
    return profiler._assemble(
        make_job(), make_machine(), [step], [operator], memory, [2.0, 3.0, 7.0], 0.05
    )


def test_utilisation_is_the_larger_share_of_compute_and_bandwidth() -> None:
    """In 1 ms one core does 50 MFLOP or moves 10 MB."""
    assert assembled(25_000_000, 1_000_000, 1000.0).utilisation == {"cpu": pytest.approx(0.5)}
    assert assembled(5_000_000, 8_000_000, 1000.0).utilisation == {"cpu": pytest.approx(0.8)}
    assert assembled(90_000_000, 1_000_000, 1000.0).utilisation == {"cpu": 1.0}
    assert assembled(1, 1, 1000.0).startup_s == 3.0


def test_the_type_of_a_job_is_on_which_side_of_the_balance_it_lies() -> None:
    assert assembled(25_000_000, 5_000_000, 1000.0).job_type == {"cpu": "compute"}
    assert assembled(24_000_000, 5_000_000, 1000.0).job_type == {"cpu": "memory"}
    assert assembled(4_000_000, 900_000, 1000.0).job_type == {"cpu": "low"}
    assert assembled(4_000_000, 900_000, 1000.0).intensity == pytest.approx(40 / 9)
