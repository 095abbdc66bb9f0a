"""The lanes of a machine as a closed queueing network, against mean value analysis."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from math import sqrt
from statistics import fmean, stdev

import pytest
from closed_networks import Customer, rounds_per_s
from simpy import Environment
from simpy_lanes import Lanes

from sim.demand.contention import HostDemand

BATCHES = 30
Draw = Callable[[random.Random], float]


def exponential(draw: random.Random) -> float:
    return draw.expovariate(1.0)


def two_point(draw: random.Random) -> float:
    """0.2 four times of five, else 4.2: a squared coefficient of variation of 2.56."""
    return 0.2 if draw.random() < 0.8 else 4.2


def constant(_: random.Random) -> float:
    return 1.0


def walked(
    customers: Sequence[Customer], draws: Sequence[Draw], shared_core: bool, batch_s: float
) -> list[list[int]]:
    """Rounds that each customer ends in each batch of ``batch_s`` after a first that is left out.
    Service has mean 1 in units of the demand; the customer's host work is the first draw."""
    env, draw = Environment(), random.Random(11)
    lanes = Lanes(env)
    rounds = [[0] * len(customers) for _ in range(BATCHES + 1)]

    def customer(index: int, each: Customer):
        host = HostDemand((0 if shared_core else index,))
        host_s, *device_s = each.demands_s if shared_core else (each.think_s, *each.demands_s)
        while True:
            yield lanes.host.start(host, host_s * draws[0](draw)).done
            for lane, work_s, drawn in zip(("gpu", "link"), device_s, draws[1:], strict=False):
                yield lanes.device("gpu:0", lane).start(1.0, work_s * drawn(draw)).done
            rounds[min(BATCHES, int(env.now / batch_s))][index] += 1

    for index, each in enumerate(customers):
        env.process(customer(index, each))
    env.run(until=(BATCHES + 1) * batch_s)
    return rounds[1:]


LIKE = Customer(3.0, (1.0, 0.5))
TWO = Customer(2.0, (1.0,))
OTHERS = [Customer(1.0 + i, (2.0 / (1 + i % 3), 0.25 * (1 + i % 4))) for i in range(8)]
BUSY_HOST = Customer(0.0, (1.0, 0.8, 0.4))
ALL = (exponential,) * 3
NETWORKS = {
    "one, two stations": ([TWO], ALL, False),
    "two, two stations": ([TWO] * 2, ALL, False),
    "eight, two stations": ([TWO] * 8, ALL, False),
    "three, three stations": ([LIKE] * 3, ALL, False),
    "eight, three stations": ([LIKE] * 8, ALL, False),
    "four different": (OTHERS[:4], ALL, False),
    "eight different": (OTHERS, ALL, False),
    "two on one core": ([BUSY_HOST] * 2, ALL, True),
    "five on one core": ([BUSY_HOST] * 5, ALL, True),
    "steady kernels": ([LIKE] * 4, (exponential, constant, constant), False),
    "few long kernels": (OTHERS[:5], (exponential, two_point, constant), False),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_lanes_are_the_stations_of_mean_value_analysis(name: str):
    """Host cores of their own are a station where nobody waits, a shared core, a GPU and a link
    are stations that all share. Throughput, all and each, lies within 3.5 standard errors (by the
    means of 30 batches) of what Reiser & Lavenberg (1980) say, whatever the distribution of
    service where it is shared (Baskett et al. 1975)."""
    customers, draws, shared_core = NETWORKS[name]
    expected = rounds_per_s(customers)
    batch_s = 300 / sum(expected)
    batches = walked(customers, draws, shared_core, batch_s)
    columns = [list(column) for column in zip(*batches, strict=True)]
    for found, rate in [
        (list(map(sum, batches)), sum(expected)),
        *zip(columns, expected, strict=True),
    ]:
        error = stdev(found) / sqrt(BATCHES)
        assert fmean(found) == pytest.approx(rate * batch_s, abs=3.5 * error)
        # Narrow enough to tell: 2% for all together, less narrow for one of eight.
        assert error < 0.02 * sqrt(len(customers)) * fmean(found)


def test_mean_value_analysis_by_hand():
    """One customer: its round. Two like ones, one station: a round of Z + D + D^2 / (Z + D)."""
    assert rounds_per_s([LIKE]) == [pytest.approx(1 / 4.5)]
    assert rounds_per_s([TWO, TWO]) == [pytest.approx(1 / (3 + 1 / 3))] * 2
    # Unlike ones: each finds the other at the station for D / (Z + D) of its time.
    one, other = Customer(1.0, (1.0,)), Customer(3.0, (2.0,))
    assert rounds_per_s([one, other]) == pytest.approx([1 / (2 + 2 / 5), 1 / (5 + 2 * 1 / 2)])
    # n at one station without thinking share it.
    assert rounds_per_s([Customer(0.0, (2.0,))] * 5) == pytest.approx([0.1] * 5)


@pytest.mark.parametrize("count", range(1, 9))
def test_mean_value_analysis_keeps_the_bounds(count: int):
    """Balanced job bounds with think time (Zahorjan, Sevcik, Eager & Galler, CACM 25(2), 1982;
    Lazowska et al., Quantitative System Performance, 1984, table 5.2)::

        n / (Z + D + (n - 1) Dmax / (1 + Z / (n D)))
            <=  X  <=  min(1 / Dmax, n / (Z + D + (n - 1) Davg / (1 + Z / D)))
    """
    for each in (LIKE, TWO, *OTHERS):
        demands, most = sum(each.demands_s), max(each.demands_s)
        found = sum(rounds_per_s([each] * count))
        mean, think_s = demands / len(each.demands_s), each.think_s
        worst_s = each.round_s + (count - 1) * most / (1 + think_s / (count * demands))
        best_s = each.round_s + (count - 1) * mean / (1 + think_s / demands)
        assert count / worst_s <= found * (1 + 1e-12)
        assert found <= min(1 / most, count / best_s) * (1 + 1e-12)
