"""The best of many, by rough figures and a few precise ones."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sim.planning.two_fidelities import LEAST, correction, settle

RATIOS = st.floats(0.98, 1.1)


@given(pairs=st.lists(st.tuples(st.floats(1, 100), RATIOS), min_size=1, max_size=60))
def test_the_best_is_among_the_precise_ones(pairs: list[tuple[float, float]]) -> None:
    """Rough figures are at most 2% too high here: no more than ``SAFETY`` allows for."""
    rough = {index: value for index, (value, _) in enumerate(pairs)}
    precise = {index: value * ratio for index, (value, ratio) in enumerate(pairs)}
    found = settle(rough, precise.__getitem__, tie=0.01)
    assert min(found.values()) == min(precise.values())
    assert found == {index: precise[index] for index in found}


def test_only_those_that_can_win_are_made_precise() -> None:
    rough = {index: 10.0 + index for index in range(100)}
    asked: list[int] = []

    def precise(index: int) -> float:
        asked.append(index)
        return rough[index] * 1.02

    settle(rough, precise, tie=0.01)
    assert asked == list(range(LEAST))


def test_equal_ones_within_the_tie_are_all_made_precise() -> None:
    rough = dict.fromkeys(range(30), 10.0) | {99: 20.0}
    assert sorted(settle(rough, rough.__getitem__, tie=0.01)) == list(range(30))


def test_one_that_fails_is_left_out_and_the_next_is_asked() -> None:
    rough = {index: float(index + 1) for index in range(20)}
    found = settle(rough, lambda index: None if index < 12 else rough[index], tie=0.01)
    assert min(found) == 12


def test_the_others_are_corrected_by_the_median_ratio() -> None:
    assert correction({0: 10.0, 1: 20.0, 2: 5.0}, {0: 11.0, 1: 21.0, 2: 5.0}) == 1.05
    assert correction({0: 10.0}, {}) == 1.0
