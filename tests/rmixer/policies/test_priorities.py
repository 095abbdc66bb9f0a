"""Strict priorities under every policy: no job waits while one of lower priority starts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rmixer.policies import every_policy, make_policy
from rmixer.scheduling.asking import ask_layout
from rmixer.scheduling.layout import Cut
from rmixer.scheduling.problem import problem_of
from rmixer.testing.made_up import (
    GIB,
    by_key,
    make_job,
    make_machine,
    make_profile,
    make_step,
    make_workload,
)
from sim import simulate
from sim.job_level.simulate import SimulatedRun
from sim.simple_step_times.uncontended import Uncontended

MODELS = ("criteo_dlrm", "amazon_din", "criteo_deepfm")
MACHINE = make_machine(cores=4, memory_bytes=64 * GIB)


def run(policy: str, *jobs: tuple[str, int, float]) -> SimulatedRun:
    """Jobs by model, priority and arrival, of 1 to 3 s, on two slots."""
    made = [
        replace(make_job(f"j{at}", model, steps=100 * (1 + at % 3)), priority=priority)
        for at, (model, priority, _) in enumerate(jobs)
    ]
    made = [replace(job, arrival_s=at_s) for job, (_, _, at_s) in zip(made, jobs, strict=True)]
    profiles = by_key(*(make_profile(model, (make_step(),)) for model in MODELS))
    problem = problem_of(make_workload(*made), MACHINE, profiles)
    chosen = make_policy(policy)
    layout = ask_layout(chosen, MACHINE, len(made), Cut(cpu_slots=2, cpu_threads=1))
    layout = layout.profiled({"cpu": [1]})
    return simulate(problem, chosen, layout, Uncontended(problem.profiles))


@pytest.mark.parametrize("policy", sorted(every_policy()))
def test_nobody_waits_for_a_lower_one(policy: str) -> None:
    jobs = [
        (MODELS[at % 3], priority, arrival_s)
        for at, (priority, arrival_s) in enumerate(
            [(0, 0), (2, 0), (-1, 0), (0, 0), (2, 0), (1, 0.5), (5, 1.2), (0, 1.0), (5, 2.5)]
        )
    ]
    lines = run(policy, *jobs).summary.jobs
    starts_s = [line.start_s for line in lines]
    for low, (_, priority, _) in enumerate(jobs):
        for high, (_, higher, arrival_s) in enumerate(jobs):
            if higher > priority and arrival_s <= starts_s[low]:
                assert starts_s[high] <= starts_s[low], (high, low)


def test_by_hand() -> None:
    """Two slots. The two urgent ones start first, though the longest job would; the one that
    arrives later waits for no job but those that run."""
    din, dlrm = "amazon_din", "criteo_dlrm"
    found = run("lpt", (din, 0, 0.0), (dlrm, 1, 0.0), (din, 0, 0.0), (dlrm, 1, 0.0), (din, 9, 1.5))
    starts_s = [line.start_s for line in found.summary.jobs]
    # j1 takes 2 s and j3 1 s. Then of j0 (1 s) and j2 (3 s) the longer one; j4 (2 s) at 2 s.
    assert starts_s == pytest.approx([4.0, 0.0, 1.0, 0.0, 2.0])


def test_equal_priorities_change_nothing() -> None:
    jobs = [(model, 0, 0.3 * at) for at, model in enumerate(MODELS * 3)]
    usual = run("dySequ", *jobs)
    raised = run("dySequ", *((model, 7, at_s) for model, _, at_s in jobs))
    assert raised.rows == usual.rows
