"""The whole job level as an M/M/1 queue."""

from __future__ import annotations

import random
from math import sqrt

import pytest

from rmixer.policies import make_policy
from rmixer.scheduling.layout import even_layout
from rmixer.scheduling.problem import problem_of
from rmixer.testing.made_up import (
    by_key,
    make_job,
    make_machine,
    make_profile,
    make_step,
    make_workload,
)
from sim import Uncontended, simulate


def test_mean_waiting_time_of_m_m_1():
    """One slot, jobs of exponential length at exponential distances, first come first served.

    Each job waits as Lindley's recursion says, W' = max(0, W + S - A); the mean is
    rho / (mu - lambda) within three standard errors, n times whose square is
    rho (2 + 5 rho - 4 rho^2 + rho^3) / (1 - rho)^4 / mu^2 (Daley 1968).
    """
    count, rho, step_s = 1500, 0.5, 1e-3
    draw = random.Random(6)
    gaps = [draw.expovariate(rho) for _ in range(count)]
    steps = [max(1, round(draw.expovariate(1.0) / step_s)) for _ in range(count)]
    jobs, arrival_s, waiting_s, expected_s = [], 0.0, 0.0, []
    for index in range(count):
        arrival_s += gaps[index]
        if index:
            waiting_s = max(0.0, waiting_s + steps[index - 1] * step_s - gaps[index])
        expected_s.append(waiting_s)
        jobs.append(make_job(f"job-{index}", steps=steps[index], arrival_s=arrival_s))
    profiles = by_key(make_profile(steps=[make_step(mean_us=step_s * 1e6)]))
    machine = make_machine(cores=1)
    result = simulate(
        problem_of(make_workload(*jobs), machine, profiles),
        make_policy("dySequ"),
        even_layout(machine, 1, 1),
        Uncontended(profiles),
    )
    queued = {row.job: row.duration_s for row in result.timeline.select(kind="queued")}
    waited = [queued.get(job.id, 0.0) for job in jobs]
    assert waited == pytest.approx(expected_s, abs=1e-6)
    variance = rho * (2 + 5 * rho - 4 * rho**2 + rho**3) / (1 - rho) ** 4
    assert sum(waited) / count == pytest.approx(rho / (1 - rho), abs=3 * sqrt(variance / count))
