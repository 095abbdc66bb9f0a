"""Jobs of one length that arrive at random, one at a time: the queue M/D/1."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from rmixer.policies import make_policy
from rmixer.scheduling.layout import even_layout
from rmixer.scheduling.problem import problem_of
from rmixer.testing.made_up import by_key, make_machine, make_profile, make_step
from rmixer.workload.arrivals import Arrivals, arrival_times_s
from rmixer.workload.workload_file import read_workload
from sim import Uncontended, simulate


def lindley(arrivals_s: list[float], length_s: float) -> list[float]:
    """Waiting times first come first served, W' = max(0, W + S - A)."""
    waits = [0.0]
    for before, after in itertools.pairwise(arrivals_s):
        waits.append(max(0.0, waits[-1] + length_s - (after - before)))
    return waits


def test_waiting_and_completion_of_a_queue_served_in_turn(tmp_path: Path) -> None:
    """60 jobs of 100 steps of 10 ms: a second each, at 2880 an hour (a load of 0.8)."""
    path = tmp_path / "queue.yaml"
    path.write_text(
        "seed: 4\narrivals: {kind: poisson, rate_per_h: 2880}\n"
        "jobs: [{model: criteo_dlrm, steps: 100, count: 60}]\n"
    )
    workload = read_workload(path)
    profiles = by_key(make_profile(steps=[make_step(mean_us=10_000.0)]))
    machine = make_machine(cores=1)
    run = simulate(
        problem_of(workload, machine, profiles),
        make_policy("sequential"),
        even_layout(machine, 1, 1),
        Uncontended(profiles),
    )
    expected = lindley([job.arrival_s for job in workload.jobs], 1.0)
    assert max(expected) > 2.0  # a queue that is one
    summary = run.summary
    assert [job.waiting_s for job in summary.jobs] == pytest.approx(expected, abs=1e-6)
    assert summary.waiting_mean_s == pytest.approx(sum(expected) / 60, abs=1e-6)
    assert summary.completion_mean_s == pytest.approx(1.0 + sum(expected) / 60, abs=1e-6)
    ordered = sorted(expected)  # rank 0.95 x 59 = 56.05 from 0
    p95_s = ordered[56] + 0.05 * (ordered[57] - ordered[56])
    assert summary.waiting_p95_s == pytest.approx(p95_s, abs=1e-6)
    assert summary.completion_p95_s == pytest.approx(1.0 + p95_s, abs=1e-6)
    queued = {row.job: row.duration_s for row in run.timeline.select(kind="queued")}
    waited = {job.id: job.waiting_s for job in summary.jobs if (job.waiting_s or 0.0) > 1e-9}
    assert queued == pytest.approx(waited)


def test_the_mean_wait_of_m_d_1() -> None:
    """rho / (2 (1 - rho)) lengths (Pollaczek, Khinchine): 0.5 at a load of one half. The mean of
    40,000 is off by its own chance alone, far below 5%."""
    arrivals = arrival_times_s(Arrivals("poisson", rate_per_h=1800, seed=1), 40_000, seed=0)
    waits = lindley(arrivals, 1.0)
    assert sum(waits) / len(waits) == pytest.approx(0.5, rel=0.05)
