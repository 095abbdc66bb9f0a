"""The fluid server against processor-sharing arithmetic and queueing theory."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from math import sqrt

import pytest
from simpy import Environment

from sim.clock.fluid import FluidServer


def equal_shares(demands: Sequence[object]) -> list[float]:
    return [1 / len(demands)] * len(demands)


def ends(arrivals: Sequence[tuple[float, float]]) -> list[tuple[int, float]]:
    """(index, completion time) of jobs given as (arrival, work), in order of completion."""
    env = Environment()
    server: FluidServer[int] = FluidServer(env, equal_shares)
    done: list[tuple[int, float]] = []

    def job(index: int, arrival_s: float, work: float):
        yield env.timeout(arrival_s)
        yield server.start(index, work).done
        done.append((index, env.now))

    for index, (arrival_s, work) in enumerate(arrivals):
        env.process(job(index, arrival_s, work))
    env.run()
    return done


def test_two_jobs_share_a_server():
    # Both at half speed until the first has done its 1 s at 2 s; the other has 1 s left.
    assert ends([(0, 1), (0, 2)]) == [(0, pytest.approx(2)), (1, pytest.approx(3))]


def test_a_late_arrival_slows_the_first():
    # Alone until 1 s, then 1 s of work left each way at half speed: 3 s; the rest alone.
    assert ends([(0, 2), (1, 2)]) == [(0, pytest.approx(3)), (1, pytest.approx(4))]


def test_jobs_that_end_together_fire_in_order_of_start():
    # 0.1 + 0.2 and 0.3 differ in floating point: rounding must not decide.
    assert ends([(0, 0.3), (0, 0.1 + 0.2), (0, 0.3)]) == [
        (0, pytest.approx(0.9)),
        (1, pytest.approx(0.9)),
        (2, pytest.approx(0.9)),
    ]


def test_endless_work_takes_its_share():
    env = Environment()
    server: FluidServer[str] = FluidServer(env, equal_shares)
    endless = server.start("endless")
    short = server.start("short", 2.0)
    env.run(until=short.done)
    assert env.now == pytest.approx(4)
    env.run(until=10)
    server.settle()
    assert endless.made == pytest.approx(2 + 6)


def test_rates_are_asked_once_for_all_changes_of_an_instant():
    env = Environment()
    asked: list[tuple[str, ...]] = []

    def rates(demands: Sequence[str]) -> list[float]:
        asked.append(tuple(demands))
        return [1.0] * len(demands)

    server: FluidServer[str] = FluidServer(env, rates)

    def job(name: str):
        yield server.start(f"{name}1", 1.0).done
        yield server.start(f"{name}2", 1.0).done

    env.process(job("a"))
    env.process(job("b"))
    env.run()
    assert asked == [("a1", "b1"), ("a2", "b2")]


@pytest.mark.parametrize(
    "work", [lambda draw: draw.expovariate(1.0), lambda draw: 1.0], ids=["M/M/1-PS", "M/D/1-PS"]
)
def test_mean_number_in_a_processor_sharing_queue(work: Callable[[random.Random], float]):
    """E[N] = rho / (1 - rho) whatever the distribution of work (Kleinrock, Queueing Systems II,
    4.4); with a first-come-first-served server M/D/1 would have 0.75 at rho = 0.5. The standard
    error of M/M/1's time average over T is sqrt(2 rho (1 + rho) / (1 - rho)^4 / T) (Whitt 1989),
    and M/D/1-PS varies less."""
    rho, end_s = 0.5, 6000.0
    env, draw = Environment(), random.Random(1)
    server: FluidServer[int] = FluidServer(env, equal_shares)
    present, area, since = 0, 0.0, 0.0

    def change(by: int) -> None:
        nonlocal present, area, since
        area += present * (env.now - since)
        present, since = present + by, env.now

    def job(index: int):
        change(+1)
        yield server.start(index, work(draw)).done
        change(-1)

    def arrivals():
        index = 0
        while True:
            yield env.timeout(draw.expovariate(rho))
            env.process(job(index))
            index += 1

    env.process(arrivals())
    env.run(until=end_s)
    change(0)
    standard_error = sqrt(2 * rho * (1 + rho) / (1 - rho) ** 4 / end_s)
    assert area / end_s == pytest.approx(rho / (1 - rho), abs=3 * standard_error)
