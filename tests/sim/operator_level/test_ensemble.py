"""Many replications at once against one SimPy process a member."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from drawn_mixes import CORES, mixes, slowdowns
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from simpy import Environment
from simpy_lanes import Lanes, Walker

from sim.demand.contention import Background, HostDemand, host_speeds
from sim.demand.resident import Resident
from sim.demand.segments import two_clocks_s
from sim.operator_level.compiled_walk import COLUMNS, _host_speeds
from sim.operator_level.ensemble import MEASURED_STEPS, replicate, walks
from sim.operator_level.walked_mix import MOST_WALKERS, host_table


def one_by_one(
    residents: Sequence[Resident], background: Background, offsets: Sequence[float]
) -> list[float]:
    """One replication as the definition has it, by SimPy."""
    env = Environment()
    lanes = Lanes(env, background)
    walking = walks(residents)
    slowest = max(
        (index for index, walk in enumerate(walking) if walk),
        key=lambda index: residents[index].step.solo_s,
    )
    finished = env.event()
    snapshots: list[tuple[float, list[float]]] = []
    ends: list[list[float]] = [[] for _ in residents]

    def on_step(index: int, made: int) -> None:
        ends[index].append(env.now)
        if index == slowest and made in (1, 1 + MEASURED_STEPS):
            snapshots.append((env.now, [meter.made() for meter in meters]))
        if index == slowest and made == 1 + MEASURED_STEPS:
            finished.succeed()

    meters: list[Walker | MeanDemand] = []
    for index, resident in enumerate(residents):
        if walking[index]:
            delay_s = offsets[index] * resident.step.solo_s
            tell = partial(on_step, index)
            meters.append(Walker(lanes, resident, delay_s=delay_s, on_step=tell))
        else:
            meters.append(MeanDemand(lanes, resident))
    env.run(until=finished)
    (start_s, before), (end_s, after) = snapshots
    env.run(until=end_s * (1 + 1e-9))  # what else ends at that instant
    speeds = []
    for index, resident in enumerate(residents):
        speed = (after[index] - before[index]) / (end_s - start_s)
        steps = [s for s in ends[index] if start_s * (1 - 1e-9) <= s <= end_s * (1 + 1e-9)]
        if len(steps) > 1:
            speed = (len(steps) - 1) / (steps[-1] - steps[0])
        speeds.append(speed * resident.step.solo_s if walking[index] else speed)
    return speeds


class MeanDemand:
    """Endless work on the host and, by its load, on its GPU."""

    def __init__(self, lanes: Lanes, resident: Resident) -> None:
        self._lanes, self._resident = lanes, resident
        self._host = lanes.host.start(resident.steady)
        self._gpu = None
        if resident.gpu_load > 0:
            self._server = lanes.device(resident.member.device, "gpu")
            self._gpu = self._server.start(resident.gpu_load)

    def made(self) -> float:
        self._lanes.host.settle()
        elapsed_s, host = self._lanes.env.now, self._host.made
        if not self._resident.training:
            return host
        device = elapsed_s
        if self._gpu is not None:
            self._server.settle()
            device = self._gpu.made
        step = self._resident.step
        return (
            elapsed_s
            * step.solo_s
            / two_clocks_s(step.segments, elapsed_s / host, elapsed_s / device)
        )


@given(mixes(), st.integers(0, 99), st.floats(0.0, 2.0), st.floats(0.0, 1.0))
@settings(phases=[Phase.generate])
def test_all_at_once_is_one_by_one(
    residents: list[Resident], seed: int, busy_cores: float, pressure: float
) -> None:
    background = Background(busy_cores, pressure)
    offsets = np.random.default_rng(seed).random((len(residents), 3))
    together = replicate(residents, background, offsets)
    for column in range(3):
        alone = one_by_one(residents, background, offsets[:, column].tolist())
        assert together[:, column].tolist() == pytest.approx(alone, rel=1e-4)


@given(mixes(), st.integers(0, 99))
@settings(max_examples=settings().max_examples // 2, phases=[Phase.generate])
def test_a_replication_is_the_same_in_any_company(residents: list[Resident], seed: int) -> None:
    offsets = np.random.default_rng(seed).random((len(residents), 5))
    together = replicate(residents, Background(), offsets)
    apart = [replicate(residents, Background(), part) for part in (offsets[:, :2], offsets[:, 2:])]
    assert together.tolist() == np.concatenate(apart, axis=1).tolist()


demands = st.builds(
    HostDemand,
    cores=st.sets(st.integers(0, CORES), min_size=1, max_size=3).map(sorted).map(tuple),
    compute_slowdown=st.one_of(st.just(()), slowdowns),
    stream_slowdown=slowdowns,
    pressure=st.floats(0.0, 1.5),
    weight=st.floats(0.0, 3.0),
    load=st.floats(0.01, 1.0),
)


@given(st.lists(demands, min_size=1, max_size=5), st.floats(0.0, 2.0), st.floats(0.0, 1.0))
def test_rates_are_those_of_the_contention_model(
    members: list[HostDemand], busy_cores: float, pressure: float
) -> None:
    background = Background(busy_cores, pressure)
    loads = np.array([member.load for member in members])
    weights = np.array([member.weight for member in members])
    found = np.empty(len(members))
    _host_speeds(tuple(host_table(members, background)), loads, weights, found)
    assert found.tolist() == pytest.approx(host_speeds(members, background), rel=1e-9)


@given(mixes(), st.sampled_from([1, COLUMNS, COLUMNS + 1, 2 * COLUMNS + 5]), st.integers(0, 99))
@settings(max_examples=settings().max_examples // 2, phases=[Phase.generate])
def test_replications_after_the_first_columns_begin_where_another_has_ended(
    residents: list[Resident], count: int, seed: int
) -> None:
    offsets = np.random.default_rng(seed).random((len(residents), count))
    together = replicate(residents, Background(1.0, 0.2), offsets)
    last = one_by_one(residents, Background(1.0, 0.2), offsets[:, -1].tolist())
    assert together[:, -1].tolist() == pytest.approx(last, rel=1e-4)


@given(mixes(), st.integers(0, 9))
@settings(max_examples=3, phases=[Phase.generate])
def test_more_walkers_than_patterns_are_kept_for(residents: list[Resident], seed: int) -> None:
    walker = next(each for each in residents if each.training)
    many = [
        replace(walker, member=replace(walker.member, cores=(core,)))
        for core in range(MOST_WALKERS + 1)
    ]
    offsets = np.random.default_rng(seed).random((len(many), 1))
    together = replicate(many, Background(), offsets)
    alone = one_by_one(many, Background(), offsets[:, 0].tolist())
    assert together[:, 0].tolist() == pytest.approx(alone, rel=1e-4)
