"""The whole job level as a queue: M/M/1, M/M/c, and processor sharing."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from heapq import heapify, heapreplace
from math import factorial, sqrt
from statistics import fmean, stdev

import pytest

from rmixer.hardware.machine import Machine
from rmixer.policies import make_policy
from rmixer.run_record.run_summary import JobSummary
from rmixer.scheduling.layout import DeviceSlots, Layout, even_layout
from rmixer.scheduling.problem import problem_of
from rmixer.scheduling.step_times import StepTimes
from rmixer.testing.made_up import (
    GIB,
    by_key,
    make_job,
    make_machine,
    make_profile,
    make_step,
    make_workload,
)
from sim import Uncontended, simulate
from sim.simple_step_times.mean_demand import MeanDemand

STEP_S = 1e-3
MACHINE = make_machine(cores=4)
ONE_CORE = make_machine(cores=1, memory_bytes=64 * GIB)
PROFILES = by_key(make_profile(steps=[make_step(mean_us=STEP_S * 1e6)]))
Drawn = list[tuple[float, int]]
"""Jobs as (arrival in seconds, steps)."""


def drawn_jobs(count: int, rate: float, seed: int, work: Callable[[random.Random], float]) -> Drawn:
    """Jobs that arrive at ``rate`` a second at exponential distances, with ``work`` seconds."""
    draw, arrival_s, jobs = random.Random(seed), 0.0, []
    for _ in range(count):
        arrival_s += draw.expovariate(rate)
        jobs.append((arrival_s, max(1, round(work(draw) / STEP_S))))
    return jobs


def exponential(draw: random.Random) -> float:
    return draw.expovariate(1.0)


def simulated(
    drawn: Drawn,
    layout: Layout,
    times: StepTimes,
    policy: str = "dySequ",
    machine: Machine = MACHINE,
) -> Sequence[JobSummary]:
    """The jobs of the summary in order of submission."""
    jobs = [
        make_job(f"job-{index}", steps=steps, arrival_s=arrival_s)
        for index, (arrival_s, steps) in enumerate(drawn)
    ]
    problem = problem_of(make_workload(*jobs), machine, PROFILES)
    return simulate(problem, make_policy(policy), layout, times, level="job").summary.jobs


def waits_s(jobs: Sequence[JobSummary]) -> list[float]:
    return [job.start_s - job.arrival_s for job in jobs]


def standard_error(values: Sequence[float], batches: int = 25) -> float:
    """Of the mean, by the means of batches: neighbours depend on each other."""
    size = len(values) // batches
    means = [fmean(values[start : start + size]) for start in range(0, batches * size, size)]
    return stdev(means) / sqrt(batches)


def test_mean_waiting_time_of_m_m_1():
    """One slot, jobs of exponential length at exponential distances, first come first served.

    Each job waits as Lindley's recursion says, W' = max(0, W + S - A); the mean is
    rho / (mu - lambda) within three standard errors, n times whose square is
    rho (2 + 5 rho - 4 rho^2 + rho^3) / (1 - rho)^4 / mu^2 (Daley 1968).
    """
    count, rho = 1500, 0.5
    drawn = drawn_jobs(count, rho, 6, exponential)
    expected_s, free_s = [], 0.0
    for arrival_s, steps in drawn:
        expected_s.append(max(0.0, free_s - arrival_s))
        free_s = max(free_s, arrival_s) + steps * STEP_S
    waited_s = waits_s(simulated(drawn, even_layout(MACHINE, 1, 1), Uncontended(PROFILES)))
    assert waited_s == pytest.approx(expected_s, abs=1e-6)
    variance = rho * (2 + 5 * rho - 4 * rho**2 + rho**3) / (1 - rho) ** 4
    assert fmean(waited_s) == pytest.approx(rho / (1 - rho), abs=3 * sqrt(variance / count))


def erlang_c_wait_s(servers: int, load: float) -> float:
    """The mean waiting time of M/M/c, in mean service times: C(c, a) / (c - a) (Erlang 1917;
    Kleinrock, Queueing Systems I, 1975, 3.5)."""
    waiting = load**servers / factorial(servers) * servers / (servers - load)
    none = sum(load**k / factorial(k) for k in range(servers))
    return waiting / (none + waiting) / (servers - load)


def test_erlang_c_by_hand():
    assert erlang_c_wait_s(1, 0.5) == pytest.approx(1.0)  # rho / (1 - rho)
    assert erlang_c_wait_s(2, 1.0) == pytest.approx(1 / 3)  # rho^2 / (1 - rho^2), rho = 1/2


@pytest.mark.parametrize("slots", [2, 4])
def test_mean_waiting_time_of_m_m_c(slots: int):
    """Slots are servers: each job takes the slot that is free first (Kiefer & Wolfowitz 1955), and
    the mean wait is Erlang's within three standard errors by batch means, themselves below a
    fifth of it."""
    load = 0.8 * slots
    drawn = drawn_jobs(1500, load, 9, exponential)
    free_s, expected_s = [0.0] * slots, []
    heapify(free_s)
    for arrival_s, steps in drawn:
        start_s = max(arrival_s, free_s[0])
        heapreplace(free_s, start_s + steps * STEP_S)
        expected_s.append(start_s - arrival_s)
    jobs = simulated(drawn, even_layout(MACHINE, slots, 1), Uncontended(PROFILES))
    waited_s = waits_s(jobs)
    assert waited_s == pytest.approx(expected_s, abs=1e-6)
    error, mean_s = standard_error(waited_s), erlang_c_wait_s(slots, load)
    assert fmean(waited_s) == pytest.approx(mean_s, abs=3 * error)
    assert error < mean_s / 5


@pytest.mark.parametrize("work", [exponential, lambda _: 1.0], ids=["M/M/1-PS", "M/D/1-PS"])
def test_mean_response_time_of_processor_sharing(work: Callable[[random.Random], float]):
    """Jobs that all run at once on one core are a processor-sharing queue. A job of x seconds takes
    x / (1 - rho) in the mean, whatever the distribution (Kleinrock 1976, 4.4): so the mean of
    response / x is 1 / (1 - rho), within three standard errors by batch means, themselves below a
    twelfth of it. First come first served would give M/D/1 1.5 instead of 2."""
    rho = 0.5
    drawn = drawn_jobs(1200, rho, 4, work)
    layout = Layout((DeviceSlots("cpu:0", 24, 1),), in_turn=True)
    jobs = simulated(drawn, layout, MeanDemand(PROFILES, ONE_CORE), "all_at_once", ONE_CORE)
    assert [job.start_s for job in jobs] == pytest.approx([job.arrival_s for job in jobs])
    stretch = [
        (job.end_s - job.arrival_s) / (steps * STEP_S)
        for job, (_, steps) in zip(jobs, drawn, strict=True)
    ]
    error = standard_error(stretch)
    assert fmean(stretch) == pytest.approx(1 / (1 - rho), abs=3 * error)
    assert error < 1 / (1 - rho) / 12
