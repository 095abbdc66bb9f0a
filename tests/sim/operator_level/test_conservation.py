"""What the operator level keeps, whatever the mix: work, time, order, and units."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from closed_networks import Customer, as_job
from drawn_mixes import CORES, MACHINE, mixes, profiles, slowdowns
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from simpy import AllOf, Environment
from simpy_lanes import Lanes, Walker

from rmixer.model_profile.model_profile import ModelProfile
from rmixer.scheduling.step_times import Member, Mix
from rmixer.testing.made_up import by_key
from sim import OperatorLevel
from sim.clock.fluid import Activity, FluidServer
from sim.demand.contention import Background, HostDemand, host_speeds, sliced_speeds
from sim.demand.resident import Resident
from sim.operator_level.ensemble import measure, replicate, walks
from sim.operator_level.walked_mix import WalkedMix

ROUNDING = 1 + 1e-6
offsets = st.integers(0, 99)


def drawn(seed: int, members: int, count: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).random((members, count))


class Watched(FluidServer):
    """A server that remembers all that it served, with the times of start and end."""

    def __init__(self, env: Environment, rates) -> None:
        super().__init__(env, rates)
        self.clock = env
        self.served: list[tuple[Activity, float]] = []
        self.ended_s: dict[Activity, float] = {}

    def start(self, demand, work: float = float("inf")) -> Activity:
        activity = super().start(demand, work)
        self.served.append((activity, self.clock.now))
        activity.done.callbacks.append(lambda _: self.ended_s.__setitem__(activity, self.clock.now))
        return activity


def busy_s(server: Watched, core: int | None = None) -> float:
    """How long there was anything to do, on one core or at all."""
    spans = sorted(
        (start_s, server.ended_s[activity])
        for activity, start_s in server.served
        if core is None or core in activity.demand.cores
    )
    total_s, until_s = 0.0, 0.0
    for start_s, end_s in spans:
        total_s += max(0.0, end_s - max(start_s, until_s))
        until_s = max(until_s, end_s)
    return total_s


@given(mixes(), offsets)
def test_work_in_is_work_out(residents: list[Resident], seed: int):
    """Three steps of each by the SimPy walk: every lane does what they demand, and no more; GPUs
    and links do a second's work in each second in which they have any, cores at most that; no
    lane is busy for longer than it all takes."""
    walkers = [resident for resident in residents if resident.training]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("simpy_lanes.FluidServer", Watched)
        env = Environment()
        lanes = Lanes(env)
        devices = {
            (device, lane): lanes.device(device, lane)
            for device in ("gpu:0", "gpu:1")
            for lane in ("gpu", "link")
        }
        delays_s = drawn(seed, len(walkers), 1)[:, 0]
        walks_done = [
            Walker(lanes, each, steps=3, delay_s=delay_s * each.step.solo_s).done
            for each, delay_s in zip(walkers, delays_s.tolist(), strict=True)
        ]
        env.run(until=AllOf(env, walks_done))
        env.run()
    assert isinstance(lanes.host, Watched)
    for each in walkers:
        own = [a for a, _ in lanes.host.served if a.demand in each.segment_demands]
        assert sum(a.made for a in own) == pytest.approx(3 * each.step.host_s)
    for core in range(CORES):
        here_s = sum(a.made for a, _ in lanes.host.served if core in a.demand.cores)
        assert here_s <= busy_s(lanes.host, core) * ROUNDING
        assert busy_s(lanes.host, core) <= env.now * ROUNDING
    for (device, lane), server in devices.items():
        demanded_s = 3 * sum(
            segment.device_s
            for each in walkers
            if each.member.device == device
            for segment in each.step.segments
            if segment.lane == lane
        )
        assert busy_s(server) == pytest.approx(demanded_s, abs=1e-9)
        assert busy_s(server) <= env.now * ROUNDING


@given(mixes(), offsets, st.floats(0.0, 2.0), st.floats(0.0, 1.0))
def test_no_step_is_faster_than_alone_and_no_lane_busier_than_time(
    residents: list[Resident], seed: int, busy_cores: float, pressure: float
):
    """The utilisation law, X D <= 1 (Denning & Buzen 1978), for whole steps within the measured
    time of the compiled walk; of the slowest as many are counted as it was to make."""
    walking = walks(residents)
    walkers = [each for each, walk in zip(residents, walking, strict=True) if walk]
    steady = [each for each, walk in zip(residents, walking, strict=True) if not walk]
    mix = WalkedMix(
        walkers, steady, Background(busy_cores, pressure), drawn(seed, len(residents)), 2
    )
    seen = measure(mix)
    whole = np.maximum(seen.whole, 0)
    measured_s = seen.at_s[1] - seen.at_s[0]
    assert (whole[mix.slowest] == 2).all()
    assert seen.made[:, mix.slowest] == pytest.approx(np.array([[1] * 4, [3] * 4]))
    solo_s = mix.solo_s
    assert (whole * solo_s <= (seen.last_s - seen.first_s) * ROUNDING).all()
    assert (seen.last_s - seen.first_s <= measured_s * ROUNDING).all()
    lanes = {(each.member.device, lane) for each in walkers for lane in ("gpu", "link")}
    for device, lane in lanes:
        ended_s = sum(
            made * segment.device_s
            for each, made in zip(walkers, whole, strict=True)
            if each.member.device == device
            for segment in each.step.segments
            if segment.lane == lane
        )
        assert np.all(ended_s <= measured_s * ROUNDING)
    for core in range(CORES):
        ended_s = sum(
            made * each.step.host_s
            for each, made in zip(walkers, whole, strict=True)
            if core in each.member.cores
        )
        assert np.all(ended_s <= measured_s * ROUNDING)


demands = st.builds(
    HostDemand,
    cores=st.sets(st.integers(0, CORES), min_size=1, max_size=3).map(sorted).map(tuple),
    compute_slowdown=slowdowns,
    stream_slowdown=slowdowns,
    pressure=st.floats(0.0, 1.5),
    weight=st.floats(0.0, 3.0),
    load=st.floats(0.01, 1.0),
)


@given(st.lists(demands, min_size=1, max_size=6), st.floats(0.0, 3.0), st.floats(0.0, 2.0))
def test_nobody_is_faster_than_alone_and_a_core_is_given_out_once(
    members: list[HostDemand], busy_cores: float, pressure: float
):
    speeds = host_speeds(members, Background(busy_cores, pressure))
    assert all(0 < speed <= 1 + 1e-12 for speed in speeds)
    whole = [replace(member, load=1.0) for member in members]
    speeds = host_speeds(whole, Background(busy_cores, pressure))
    for core in range(CORES + 1):
        on = [s for s, member in zip(speeds, whole, strict=True) if core in member.cores]
        assert sum(on) <= 1 + 1e-12


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=8), st.floats(0.0, 1.0))
def test_one_more_on_a_gpu_slows_all_of_its_rates(loads: list[float], more: float):
    before, after = sliced_speeds(loads), sliced_speeds([*loads, more])
    assert all(b >= a > 0 for b, a in zip(before, after[:-1], strict=True))
    assert sum(sliced_speeds([1.0] * len(loads))) == pytest.approx(1.0)


rounds = st.builds(
    Customer,
    st.floats(0.1, 4.0).map(lambda ms: ms * 1e-3),
    st.tuples(st.floats(0.1, 4.0).map(lambda ms: ms * 1e-3)),
)


@given(st.lists(rounds, min_size=3, max_size=5), offsets)
def test_one_more_on_a_gpu_slows_all_in_the_mean(mix: list[Customer], seed: int):
    """Averaged over offsets, one more job on a GPU speeds up nobody beyond the precision of the
    mean; jobs here feel nothing of each other on the host. The slowest stays, for it says how long
    is measured."""
    ordered = sorted(mix, key=lambda each: each.round_s, reverse=True)
    jobs = [as_job(each, core) for core, each in enumerate(ordered)]
    starts = drawn(seed, len(jobs), 256)
    beside = replicate(jobs, Background(), starts).mean(axis=1)
    without = replicate(jobs[:-1], Background(), starts[:-1]).mean(axis=1)
    assert (beside[:-1] <= without * 1.01).all()


def test_one_more_may_speed_up_another_at_one_offset():
    """Beside A, B makes its steps 4% faster: A delays C, which then meets B less within the
    measured time. Such anomalies of timing (Graham 1969) are why a mix is walked from many
    offsets."""
    b, c, a = Customer(5.0, (3.0,)), Customer(4.0, (3.0,)), Customer(4.0, (2.0,))
    jobs = [as_job(each, core) for core, each in enumerate((b, c, a))]
    starts = np.array([[0.5], [0.09], [0.3]])
    beside = replicate(jobs, Background(), starts)[0, 0]
    without = replicate(jobs[:2], Background(), starts[:2])[0, 0]
    assert beside > 1.04 * without


def test_one_more_that_computes_may_relieve_one_that_streams_elsewhere():
    """On the host the model is not monotone: beside one stream the neighbour's share of streaming
    is 1, beside a stream and a computation it is 1/2."""
    feels = HostDemand((0,), compute_slowdown=(1.0, 1.0), stream_slowdown=(2.0, 2.0))
    streams, computes = HostDemand((1,), pressure=1.0), HostDemand((2,), pressure=0.0)
    assert 1 / host_speeds([feels, streams])[0] == pytest.approx(2.0)
    assert 1 / host_speeds([feels, streams, computes])[0] == pytest.approx(1.5)


drawn_members = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from(["train", "train", "train", "evaluate"]),
        st.sampled_from(["cpu:0", "gpu:0", "gpu:0", "gpu:1"]),
        st.integers(0, CORES - 1),
    ),
    min_size=2,
    max_size=4,
)


def mix_of(known: list[ModelProfile], members: list[tuple[int, str, str, int]]) -> Mix:
    return Mix(tuple(Member(known[m].key, phase, d, (c,)) for m, phase, d, c in members))


@given(profiles("criteo_dlrm"), profiles("amazon_din"), drawn_members, st.randoms())
@settings(phases=[Phase.generate])
def test_members_in_another_order_have_the_same_times(first, second, members, random):
    """To the bit. Of several members that are alike but for the names of their cores, as many have
    each of their times."""
    turned = random.sample(members, len(members))
    found = []
    for order in (members, turned):
        units = OperatorLevel(by_key(first, second), MACHINE).unit_s(mix_of([first, second], order))
        found.append(sorted((*each[:3], s) for each, s in zip(order, units, strict=True)))
    assert found[0] == found[1]


@given(mixes(), offsets)
def test_twice_the_times_are_twice_the_answer(residents: list[Resident], seed: int):
    """Speeds are the same where every segment takes twice as long."""
    doubled = [
        replace(
            each,
            step=replace(
                each.step,
                segments=tuple(segment.scaled(2.0) for segment in each.step.segments),
                solo_s=2 * each.step.solo_s,
            ),
        )
        for each in residents
    ]
    starts = drawn(seed, len(residents))
    found = replicate(doubled, Background(1.0, 0.5), starts)
    assert found == pytest.approx(replicate(residents, Background(1.0, 0.5), starts), rel=1e-6)
