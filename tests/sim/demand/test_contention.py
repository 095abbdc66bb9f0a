"""The contention formula, by hand."""

from __future__ import annotations

import pytest

from rmixer.testing.made_up import make_machine, make_step
from sim.demand.contention import Background, HostDemand, demand_of, host_speeds, slowdown

COMPUTE, STREAM = (1.1, 1.3, 1.4), (1.5, 2.0, 3.0)


def job(*cores: int, pressure: float = 0.0, weight: float = 1.0, load: float = 1.0) -> HostDemand:
    return HostDemand(cores, COMPUTE, STREAM, pressure, weight, load)


def bubble(core: int, pressure: float) -> HostDemand:
    return HostDemand((core,), pressure=pressure)


def test_alone_is_full_speed():
    assert host_speeds([job(0)]) == [1.0]


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize(("pressure", "curve"), [(0.0, COMPUTE), (1.0, STREAM)])
def test_beside_bubbles_it_is_exactly_what_was_measured(k: int, pressure: float, curve):
    speeds = host_speeds([job(0), *(bubble(core, pressure) for core in range(1, k + 1))])
    assert 1 / speeds[0] == pytest.approx(curve[k - 1])


def test_in_between_it_is_soft():
    # One computing and one streaming neighbour: half way from 1.3 to 2.0.
    assert 1 / host_speeds([job(0), bubble(1, 1), bubble(2, 0)])[0] == pytest.approx(1.65)


def test_light_work_suffers_less_and_presses_less():
    heavy, light = job(0, pressure=1.0, weight=2.0), job(1, pressure=1.0, weight=0.5)
    speeds = host_speeds([heavy, light])
    # The heavy one feels P = 0.5 at weight 2: 1.1 + 0.5 x 0.4 x 2; the light one P = 2, clamped
    # to 1.5, at weight 0.5: 1.1 + 1.5 x 0.4 x 0.5.
    assert [1 / speed for speed in speeds] == pytest.approx([1.5, 1.4])


def test_a_shared_core_is_halved_and_its_sharers_do_not_press():
    assert host_speeds([job(0, pressure=1), job(0, pressure=1)]) == [0.5, 0.5]


def test_sharers_of_a_core_press_on_others_by_their_share():
    speeds = host_speeds([job(0), bubble(1, 1.0), bubble(1, 0.0)])
    # One busy core, on which half a stream runs: half way from 1.1 to 1.5.
    assert 1 / speeds[0] == pytest.approx(1.3)
    assert speeds[1:] == [0.5, 0.5]


def test_a_member_goes_at_its_slowest_core():
    # The other core of the wide one is busy besides: no slow-down curves here.
    assert host_speeds([HostDemand((0, 1)), HostDemand((1,))]) == [0.5, 0.5]


def test_of_an_overlapping_neighbour_only_the_part_outside_counts():
    speeds = host_speeds([job(0), HostDemand((0, 1), pressure=1.0)])
    # k = 1; P = pressure 1 x share 1/2 x half of its cores outside = 0.25.
    assert 1 / speeds[0] == pytest.approx(2 * (1.1 + 0.25 * 0.4))


def test_background_and_fractions_of_a_core():
    # k = 1.5: compute half way from 1.1 to 1.3, stream half way from 1.5 to 2.0; P / k = 1.
    assert slowdown(job(0), 1.5, 1.5) == pytest.approx(1.75)
    assert slowdown(job(0), 0.5, 0.0) == pytest.approx(1.05)
    assert 1 / host_speeds([job(0)], Background(1.5, 1.5))[0] == pytest.approx(1.75)


def test_company_never_speeds_up_and_curves_end_flat():
    noisy = HostDemand((0,), (0.9,), (0.8,))
    assert host_speeds([noisy, bubble(1, 1.0)])[0] == 1.0
    assert slowdown(job(0), 7, 7) == pytest.approx(3.0)


def test_a_mean_demand_counts_by_its_load():
    full, half = host_speeds([HostDemand((0,)), HostDemand((0,), load=0.5)])
    # While it is there the half-time member has half the core; its cycle of 1 takes 1.5, so it
    # uses a third of the core and leaves two thirds.
    assert (full, half) == (pytest.approx(2 / 3), pytest.approx(1 / 2))


def test_one_that_asks_for_nothing_changes_nobody_s_speed():
    apart = [job(0, pressure=0.7), job(1, 2, pressure=0.3, weight=2.0), job(3, load=0.4)]
    absent = HostDemand((0, 1, 2, 3), load=0.0)
    assert host_speeds([*apart, absent])[:-1] == pytest.approx(host_speeds(apart), rel=1e-12)


def test_without_curves_the_machine_says_what_busy_cores_cost():
    machine = make_machine(cores=3, core_capacity=(1.0, 1.6, 1.8))
    one = demand_of(make_step(), (0,), machine)
    assert slowdown(one, 1, 0) == pytest.approx(1 / 0.8)
    assert slowdown(one, 2, 2) == pytest.approx(1 / 0.6)
    # Two cores alone already run at 0.8 each.
    two = demand_of(make_step(threads=2), (0, 1), machine)
    assert slowdown(two, 1, 0) == pytest.approx(0.8 / 0.6)
