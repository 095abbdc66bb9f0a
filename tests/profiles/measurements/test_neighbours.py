"""What a job does beside bubbles, and they beside it, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from profiles.measurements import neighbours


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
    found = neighbours.pressure(Bubbles(100.0, 50.0), beside_job)  # type: ignore[arg-type]
    assert found == pytest.approx(pressure)


def test_pressure_that_was_not_measured_is_none() -> None:
    assert neighbours.Neighbours().pressure is None
    assert neighbours.Neighbours(pressures=[-0.1, -0.3, 0.2]).pressure == 0.0
    assert neighbours.Neighbours(pressures=[0.1, 0.5, 0.2]).pressure == 0.2


def test_where_streams_do_not_disturb_each_other_there_is_no_pressure() -> None:
    assert neighbours.pressure(Bubbles(100.0, 99.0), 10.0) == 0.0  # type: ignore[arg-type]


def test_slow_downs_between_the_counts_that_were_tried_are_interpolated() -> None:
    """Medians 1.2 and 2.0; below one is noise."""
    found = neighbours.Neighbours(
        {
            ("compute", 1): [1.1, 1.2, 9.0],
            ("compute", 3): [2.0],
            ("stream", 1): [0.9],
            ("stream", 2): [0.8],
        }
    )
    assert found.by_count("compute") == (1.2, 1.6, 2.0)
    assert found.by_count("stream") == (1.0, 1.0)
    assert neighbours.Neighbours().by_count("stream") == ()


@pytest.mark.parametrize(
    ("spare", "counts"), [(0, []), (1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (15, [1, 8, 15])]
)
def test_one_neighbour_half_of_them_and_all(spare: int, counts: list[int]) -> None:
    assert neighbours.bubble_levels(spare) == counts


class Answering:
    """A worker whose steps last as given."""

    def __init__(self, skipped_s: float, durations_s: list[float]) -> None:
        self._answer = {"skipped_s": skipped_s, "durations": durations_s}

    def ask(self, kind: str, seconds: float) -> dict[str, Any]:
        return self._answer


@pytest.mark.parametrize(
    ("skipped_s", "durations_s", "mean_s"),
    [
        (0.0, [0.3, 0.3, 0.3, 0.3], 0.3),  # the fourth ended 0.2 s after the bubbles
        (0.0, [0.2, 0.4, 0.9], 0.3),
        (0.5, [0.2, 0.4, 0.9], 0.2),  # the second ended 0.1 s after them
        (0.5, [1.5, 1.5, 1.5], 1.5),  # not one ended in time: the first was in company longest
    ],
)
def test_steps_that_outlast_the_bubbles_do_not_count(
    skipped_s: float, durations_s: list[float], mean_s: float
) -> None:
    worker: Any = Answering(skipped_s, durations_s)
    bubbles: Any = Bubbles(1.0, 1.0)
    blocks = neighbours.SweepBlocks(rounds=1, bubble_s=1.0, steps_s=1.0)
    found, rate = neighbours.beside(worker, bubbles, "stream", 1, blocks)
    assert found == pytest.approx(mean_s)
    assert rate == 12.0


@pytest.mark.parametrize(
    ("alone_s", "rounds"), [(0.001, 5), (0.1, 5), (0.5, 1), (0.9, 1), (1.4, 1), (2.0, 1)]
)
def test_a_sweep_of_four_blocks_ends_in_twenty_seconds(alone_s: float, rounds: int) -> None:
    """Each takes as long as its bubbles or, where its steps outlast these, two steps more."""
    blocks = neighbours.SweepBlocks.of(alone_s, 4)
    more_s = 2 * alone_s if blocks.steps_s == blocks.bubble_s else 0.0
    assert blocks.rounds == rounds
    assert blocks.rounds * (blocks.steps_s + 4 * (blocks.bubble_s + more_s) + 0.3) <= 20


def test_where_steps_are_slow_a_block_is_one_that_its_bubbles_outlast() -> None:
    """Even at twice its time alone."""
    blocks = neighbours.SweepBlocks.of(1.5, 4)
    assert blocks.steps_s < 1.5
    assert blocks.bubble_s > 2 * 1.5


def test_a_shorter_sweep_has_shorter_blocks_and_fewer_rounds() -> None:
    """Of eight levels: 9 blocks of 0.1 s, and two references of 0.15 s each."""
    assert neighbours.SweepBlocks.of(0.001, 8, sweep_s=5.0) == neighbours.SweepBlocks(4, 0.1, 0.1)
    assert neighbours.SweepBlocks.of(0.001, 8) == neighbours.SweepBlocks(5, 0.3, 0.3)
    slow = neighbours.SweepBlocks.of(0.5, 8, sweep_s=5.0)
    assert (slow.rounds, slow.steps_s) == (1, 0.25)


def test_the_sensitivity_is_as_precise_as_its_rounds_agree() -> None:
    """Of 1.0 and 1.2 half the 95% interval is 12.706 x 0.1414 / sqrt 2 / 1.1 of the mean. Only most
    bubbles count, and both slow-downs of a round may be large."""
    ratios = {
        ("compute", 1): [1.0, 9.0],
        ("compute", 2): [1.0, 2.0],
        ("stream", 1): [1.0, 1.0],
        ("stream", 2): [1.0, 2.4],
    }
    found = neighbours.Neighbours(ratios).sensitivity_half_width  # type: ignore[arg-type]
    assert found == pytest.approx(1.1551, abs=1e-4)
    one = neighbours.Neighbours({("compute", 1): [1.0], ("stream", 1): [1.2, 1.3]})
    assert one.sensitivity_half_width is None
    assert neighbours.Neighbours().sensitivity_half_width is None
