"""Slow-downs beside more cores than the machine has that they were measured on."""

from __future__ import annotations

import pytest

from rmixer.model_profile.model_profile import StepCost
from rmixer.testing.made_up import make_machine, make_profile, make_step
from sim.demand.contention import demand_of, slowdown
from sim.demand.other_machines import last_slope, with_more_cores


def beside(compute: tuple[float, ...], stream: tuple[float, ...], threads: int = 1) -> StepCost:
    return make_step(
        threads=threads, compute_slowdown=compute, stream_slowdown=stream, pressure=1.0
    )


def wider(step: StepCost, own: int, cores: int) -> StepCost:
    return with_more_cores(make_profile(steps=[step]), own, cores).steps[0]


def test_they_go_on_with_their_last_slope() -> None:
    """Beside 1, 2, 3 others on 4 cores; by hand, beside 4 and 5 as well."""
    found = wider(beside((1.0, 1.1, 1.2), (1.2, 1.4, 1.9)), own=4, cores=6)
    assert found.compute_slowdown == pytest.approx((1.0, 1.1, 1.2, 1.3, 1.4))
    assert found.stream_slowdown == pytest.approx((1.2, 1.4, 1.9, 2.4, 2.9))
    assert last_slope(found, own=6) == pytest.approx(0.5)


def test_and_never_fall() -> None:
    found = wider(beside((1.0, 1.3, 1.2), (1.2, 1.4, 1.4)), own=4, cores=6)
    assert found.compute_slowdown == (1.0, 1.3, 1.2, 1.2, 1.2)
    assert last_slope(found, own=6) == 0.0


def test_one_value_has_its_slope_from_no_neighbour() -> None:
    """On 2 cores: beside none 1, beside one 1.3, so beside two 1.6."""
    assert wider(beside((1.0,), (1.3,)), own=2, cores=3).stream_slowdown == pytest.approx(
        (1.3, 1.6)
    )


def test_a_curve_that_ended_early_stays_constant() -> None:
    """As it was on the machine itself: more cores are no reason to be slower."""
    found = wider(beside((1.1,), (1.3,)), own=4, cores=6)
    assert found.stream_slowdown == (1.3,) * 5


def test_threads_of_its_own_are_no_neighbours() -> None:
    found = wider(beside((1.0, 1.1), (1.2, 1.4), threads=2), own=4, cores=6)
    assert len(found.compute_slowdown) == 4


def test_as_many_cores_or_fewer_change_nothing() -> None:
    profile = make_profile(steps=[beside((1.0, 1.1, 1.2), (1.2, 1.4, 1.9))])
    assert with_more_cores(profile, 4, 4) is profile
    assert with_more_cores(profile, 4, 2) is profile


def test_what_was_not_measured_is_what_the_machine_loses() -> None:
    """Nothing was measured of a step on all cores; beside k others of a wider machine it loses what
    core capacity does: of 4 cores' 2.8 the share of one is 0.7."""
    found = wider(beside((), (), threads=2), own=2, cores=4)
    assert found.compute_slowdown == ()
    machine = make_machine(cores=4, core_capacity=(1.0, 2.0, 2.4, 2.8))
    assert slowdown(demand_of(found, (0, 1), machine), 2.0, 0.0) == pytest.approx(1 / 0.7)
