"""How a time grows with the batch."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.batches.known_sizes import BatchCurve

SIZES = (64, 128, 256, 1024)
PART = st.floats(0.0, 100.0)


@given(fixed=PART, slow=PART, each=PART, at=st.integers(1, 10_000))
def test_what_has_the_three_terms_is_found_again(
    fixed: float, slow: float, each: float, at: int
) -> None:
    def time_us(batch: int) -> float:
        return 1.0 + fixed + slow * math.sqrt(batch) + each * batch

    found = BatchCurve(SIZES, at).value([time_us(size) for size in SIZES])
    assert found == pytest.approx(time_us(at), rel=1e-4)


@given(st.lists(st.floats(1.0, 1e6), min_size=4, max_size=4), st.integers(0, 3))
def test_it_goes_through_what_was_measured(values: list[float], place: int) -> None:
    assert BatchCurve(SIZES, SIZES[place]).value(values) == pytest.approx(values[place])


@given(st.lists(st.floats(1.0, 1e6), min_size=4, max_size=4), st.integers(1, 10_000))
def test_a_time_is_finite_and_above_nothing(values: list[float], at: int) -> None:
    assert 0.0 < BatchCurve(SIZES, at).value(values) < math.inf


def test_what_the_curve_leaves_stays_beyond_the_last_size() -> None:
    """All sizes take 2 us a sample, the last one 10% more: by least relative squares the curve is
    2 us x (3 + 1/1.1) / (3 + 1/1.21) a sample, of which beyond each end stays what it leaves
    there."""
    values = [2.0 * size for size in SIZES[:3]] + [2.2 * SIZES[3]]
    exact = [1.0, 1.0, 1.0, 1 / 1.1]
    each = 2.0 * sum(exact) / sum(weight * weight for weight in exact)
    assert each != pytest.approx(2.0)
    for times in (2, 4):
        assert BatchCurve(SIZES, times * SIZES[3]).value(values) == pytest.approx(times * values[3])
    assert BatchCurve(SIZES, SIZES[0] // 2).value(values) == pytest.approx(values[0] / 2)
    assert BatchCurve(SIZES, 181).value(values) == pytest.approx(2.0 * 181)


def test_two_sizes_make_a_line() -> None:
    assert BatchCurve((100, 200), 400).value([300.0, 500.0]) == pytest.approx(900.0)
