"""What a policy says that it needs is all that it reads besides durations."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from rmixer.model_profile.model_profile import ModelProfile
from rmixer.policies import every_policy, make_policy
from rmixer.scheduling.layout import Cut
from rmixer.scheduling.problem import Problem, ProfiledJob
from rmixer.testing.made_up import make_job, make_machine, make_profile, make_step, make_workload
from sim.job_level.simulate import simulate
from sim.simple_step_times.uncontended import Uncontended

GIB = 1 << 30
KINDS = ("gpu", "cpu")
FIGURES = {"peak_bytes", "utilisation", "job_type"}


def problem(seed: int) -> Problem:
    """14 jobs on 2 GPUs and a CPU, whose memory is never in the way."""
    of = random.Random(seed)
    jobs = [make_job(f"job-{i}", steps=1, batch=i + 1, arrival_s=i // 4) for i in range(14)]
    machine = make_machine(8, gpus=2, memory_bytes=900 * GIB, gpu_memory_bytes=900 * GIB)
    profiled = []
    for job in jobs:
        profile = make_profile(
            batch=job.batch,
            steps=[
                make_step("gpu", mean_us=of.randint(20, 240) * 1e6),
                make_step("cpu", mean_us=of.randint(80, 360) * 1e6),
            ],
            peak_bytes=of.randint(1, 40) * GIB,
            utilisation=dict.fromkeys(KINDS, of.randint(0, 9) / 10),
            job_type=of.choice(("compute", "memory", "low")),
        )
        profiled.append(ProfiledJob(job, profile.key, profile))
    return Problem(make_workload(*jobs), machine, tuple(profiled))


def without(profile: ModelProfile, figures: set[str]) -> ModelProfile:
    """``profile`` as a table without these columns makes it."""
    if "peak_bytes" in figures:
        memory = tuple(replace(each, peak_bytes=0) for each in profile.memory)
        profile = replace(profile, memory=memory)
    return replace(profile, **{each: {} for each in figures - {"peak_bytes"}})


def starts(of: Problem, policy: str) -> list[tuple[str, tuple[str, ...], int]]:
    chosen = make_policy(policy)
    layout = chosen.layout(of.machine, len(of.jobs), Cut(2, 2)).profiled({k: [1] for k in KINDS})
    run = simulate(of, chosen, layout, Uncontended(of.profiles))
    return [(booking.job, booking.devices, booking.slot) for booking in run.bookings]


def lacking(of: Problem, figures: set[str]) -> Problem:
    jobs = tuple(replace(each, profile=without(each.profile, figures)) for each in of.jobs)
    return Problem(of.workload, of.machine, jobs)


@pytest.mark.parametrize("policy", [*every_policy()])
def test_a_column_that_is_not_needed_changes_nothing(policy: str) -> None:
    spare = FIGURES - set(make_policy(policy).needs)
    for seed in range(2):
        whole = problem(seed)
        assert starts(lacking(whole, spare), policy) == starts(whole, policy)


@pytest.mark.parametrize("policy", [name for name in every_policy() if make_policy(name).needs])
def test_a_column_that_is_needed_changes_something(policy: str) -> None:
    """Memory counts for CARMA only where it is short."""
    for figure in make_policy(policy).needs:
        tried = (problem(seed) for seed in range(6))
        if policy.startswith("carma"):
            gpus = make_machine(8, gpus=2, memory_bytes=900 * GIB, gpu_memory_bytes=45 * GIB)
            tried = (replace(each, machine=gpus) for each in tried)
        assert any(
            starts(lacking(each, {figure}), policy) != starts(each, policy) for each in tried
        )
