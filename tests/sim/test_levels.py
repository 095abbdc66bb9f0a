"""The job level and the walk of every operator tell the same story."""

from __future__ import annotations

import random
from functools import cache

import pytest
from quickstart_like import MODELS, profiles

from rmixer.policies import make_policy
from rmixer.scheduling.layout import DeviceSlots, Layout, even_layout
from rmixer.scheduling.problem import problem_of
from rmixer.testing.made_up import make_job, make_machine, make_workload
from sim import OperatorLevel, Uncontended, simulate

MACHINE = make_machine(2)
GPU_MACHINE = make_machine(2, gpus=1)


@cache
def times(gpu: bool) -> OperatorLevel:
    return OperatorLevel(profiles(gpu), GPU_MACHINE if gpu else MACHINE)


def workload(seed: int, jobs: int = 4, most_steps: int = 120):
    draw = random.Random(seed)
    return make_workload(
        *(
            make_job(
                f"job-{index}",
                draw.choice(list(MODELS)),
                steps=draw.randint(most_steps // 4, most_steps),
                arrival_s=draw.choice([0.0, 0.0, 1.5]),
            )
            for index in range(jobs)
        )
    )


LAYOUTS = {
    "one thread each": Layout((DeviceSlots("cpu:0", 2, 1),)),
    "all at once": Layout((DeviceSlots("cpu:0", 4, 1),), in_turn=True),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_makespans_agree_within_one_percent(seed: int, layout: str):
    results = [
        simulate(
            problem_of(workload(seed), MACHINE, profiles()),
            make_policy("dySequ"),
            LAYOUTS[layout],
            times(gpu=False),
            level=level,
        )
        for level in ("job", "operator")
    ]
    quick, walked = (result.summary for result in results)
    assert (quick.level, walked.level) == ("job", "operator")
    assert quick.makespan_s == pytest.approx(walked.makespan_s, rel=0.01)
    assert [b.job for b in results[0].bookings] == [b.job for b in results[1].bookings]


def test_makespans_agree_on_a_gpu():
    made = profiles(gpu=True)
    layout = even_layout(GPU_MACHINE, 2, 1)
    quick, walked = (
        simulate(
            problem_of(workload(5, most_steps=200), GPU_MACHINE, made),
            make_policy("dyType"),
            layout,
            times(gpu=True),
            level=level,
        )
        for level in ("job", "operator")
    )
    assert quick.summary.makespan_s == pytest.approx(walked.summary.makespan_s, rel=0.01)


def test_walked_steps_are_all_made():
    result = simulate(
        problem_of(workload(3), MACHINE, profiles()),
        make_policy("dyRand", 3),
        LAYOUTS["one thread each"],
        times(gpu=False),
        level="operator",
    )
    for job in workload(3).jobs:
        steps = sum(row.steps for row in result.timeline.select(job=job.id))
        assert steps == pytest.approx(job.steps)


@pytest.mark.parametrize(("steps", "level"), [(60, "operator"), (20_000, "job")])
def test_short_schedules_are_walked_and_long_ones_are_not(steps: int, level: str):
    jobs = [make_job(name, "amazon_din", steps=steps) for name in "ab"]
    jobs[1] = make_job("b", "criteo_dlrm", steps=steps)
    arguments = (
        problem_of(make_workload(*jobs), MACHINE, profiles()),
        make_policy("dySequ"),
        LAYOUTS["one thread each"],
    )
    result = simulate(*arguments, times(gpu=False))
    assert result.summary.level == level
    # Without a contention model there is nothing that walking could add.
    assert simulate(*arguments, Uncontended(profiles())).summary.level == "job"


def test_where_transients_are_plain_no_mix_is_solved_before_the_walk():
    class NeverAsked(OperatorLevel):
        def unit_s(self, mix):
            raise AssertionError(f"solved {mix}")

    def run(level: str):
        jobs = [make_job("a", "amazon_din", steps=60), make_job("b", "criteo_dlrm", steps=60)]
        layout, times = LAYOUTS["one thread each"], NeverAsked(profiles(), MACHINE)
        policy = make_policy("dySequ")
        problem = problem_of(make_workload(*jobs), MACHINE, profiles())
        return simulate(problem, policy, layout, times, level=level)

    assert run("auto").summary == run("operator").summary
