"""Jobs that are evaluated and saved as they train, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rmixer.model_profile.model_profile import MemoryCost
from rmixer.policies import make_policy
from rmixer.scheduling.layout import even_layout
from rmixer.scheduling.problem import ProfiledJob, problem_of
from rmixer.testing.made_up import (
    GIB,
    by_key,
    make_job,
    make_machine,
    make_profile,
    make_step,
    make_workload,
)
from rmixer.workload.real_training import Evaluation
from rmixer.workload.workload import Job
from sim import simulate
from sim.job_level.phases import MOST_PAUSES, phases_of
from sim.simple_step_times.uncontended import Uncontended

STEP = make_step(build_s=1.0, warmup_s=0.5, evaluate_s=0.2, save_s=0.1)
"""Of 10 ms."""
PROFILE = make_profile(
    steps=(STEP,),
    warmup_steps=3,
    memory=(MemoryCost("cpu", 1000, 0, 2000, 0, 0, GIB),),
)


def profiled(job: Job) -> ProfiledJob:
    return ProfiledJob(job, PROFILE.key, PROFILE)


def end_s(job: Job) -> float:
    problem = problem_of(make_workload(job), make_machine(cores=1), by_key(PROFILE))
    layout = even_layout(problem.machine, 1, 1)
    times = Uncontended(problem.profiles)
    return simulate(problem, make_policy("sequential"), layout, times).summary.makespan_s


def test_an_evaluation_after_every_forty_steps() -> None:
    """Of ten batches, half of what was profiled; the last one is when all is trained."""
    job = replace(make_job(steps=100), evaluate=Evaluation(40, 10))
    assert phases_of(profiled(job), STEP) == [
        ("build", 1.0, 0),
        ("warmup", 1.0, 3),
        ("train", 37.0, 37),
        ("evaluate", 0.5, 0),
        ("train", 40.0, 40),
        ("evaluate", 0.5, 0),
        ("train", 20.0, 20),
        ("evaluate", 0.5, 0),
        ("save", 1.0, 0),
    ]
    assert end_s(job) == pytest.approx(1.0 + 0.5 + 0.97 + 3 * 0.1 + 0.1)


@pytest.mark.parametrize(
    ("batches", "held_out", "share"),
    [
        (10, None, 0.5),
        (40, None, 2.0),
        (10, 100, 0.5),
        (10, 15.1, 10 / 16),
        (40, 16, 1.0),
        (40, 5, 1.0),
    ],
)
def test_no_more_batches_than_are_held_out(
    batches: int, held_out: float | None, share: float
) -> None:
    """The profile was evaluated on 20, or on all of them."""
    job = replace(make_job(steps=100), evaluate=Evaluation(50, batches))
    if held_out is not None:
        job = replace(job, held_out=round(held_out * job.batch))
    amounts = [amount for name, amount, _ in phases_of(profiled(job), STEP) if name == "evaluate"]
    assert amounts == pytest.approx([share, share])


def test_a_checkpoint_every_second() -> None:
    """9.97 s of training have nine. With the optimizer's state one is three times a save."""
    job = replace(make_job(steps=1000), save_every_s=1.0)
    written = [phase for phase in phases_of(profiled(job), STEP) if phase[0] == "checkpoint"]
    assert written == [("checkpoint", 3.0, 0)] * 9
    assert end_s(job) == pytest.approx(1.0 + 0.5 + 9.97 + 9 * 0.3 + 0.2 + 0.1)


@pytest.mark.parametrize("every", [1, 2, 7, 40, 99, 100, 101])
@pytest.mark.parametrize("save_every_s", [None, 0.1, 0.3])
def test_nothing_is_left_out(every: int, save_every_s: float | None) -> None:
    """However many pauses there are, they are put together into few."""
    evaluate = Evaluation(every, 10)
    job = replace(make_job(steps=100), evaluate=evaluate, save_every_s=save_every_s)
    phases = phases_of(profiled(job), STEP)
    amounts = {name: sum(p[1] for p in phases if p[0] == name) for name, _, _ in phases}
    evaluations = len(range(every, 100, every))
    checkpoints = int(0.97 / save_every_s) if save_every_s else 0
    assert sum(steps for _, _, steps in phases) == 100
    assert amounts["train"] == 97
    assert amounts["evaluate"] == pytest.approx(0.5 * (evaluations + 1))
    assert amounts.get("checkpoint", 0.0) == pytest.approx(3.0 * checkpoints)
    assert len(phases) <= 5 + 3 * MOST_PAUSES
    expected = 1.6 + 0.97 + 0.1 * (evaluations + 1) + 0.3 * checkpoints
    assert end_s(job) == pytest.approx(expected)
    assert profiled(job).costs["cpu"].alone_s(100, 1) == pytest.approx(expected)


def test_a_job_that_says_nothing_costs_what_its_profile_says() -> None:
    job = profiled(make_job(steps=100))
    assert job.costs == PROFILE.costs()
    assert [name for name, _, _ in phases_of(job, STEP)] == [
        "build",
        "warmup",
        "train",
        "evaluate",
        "save",
    ]
