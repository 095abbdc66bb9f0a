"""Schedules judged by compiled code against SimPy's clock."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from quickstart_like import MODELS, profiles

from rmixer.errors import PolicyStarved
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.policies import make_policy
from rmixer.policies.baselines.planned import Planned
from rmixer.scheduling.layout import Cut, DeviceSlots, Layout
from rmixer.scheduling.problem import Problem, problem_of
from rmixer.scheduling.schedule import ScheduledJob, schedule_of
from rmixer.testing.made_up import GIB, make_job, make_machine, make_workload
from rmixer.workload.real_training import Evaluation
from sim import OperatorLevel, simulate
from sim.planning.evaluator import Evaluator, Factors
from sim.simple_step_times.mean_demand import MeanDemand

MACHINE = make_machine(cores=3, memory_bytes=7 * GIB)
PROFILES = profiles()
TIMES = OperatorLevel(PROFILES, MACHINE)

jobs = st.tuples(
    st.sampled_from(sorted(MODELS)),
    st.integers(1, 400),
    st.one_of(st.just(0.0), st.floats(0, 20)),
)
POLICY = st.sampled_from(["dySequ", "dyRand", "static", "cognn_bmc", "lpt", "muri"])
BOTH_MACHINE = make_machine(cores=4, gpus=2, gpu_memory_bytes=9 * GIB // 2)
BOTH_PROFILES = profiles(gpu=True, cpu=True)
BOTH_TIMES = MeanDemand(BOTH_PROFILES, BOTH_MACHINE)


def problem(drawn: list[tuple[str, int, float]]) -> Problem:
    """Every third job is evaluated as it trains, every fourth saved."""
    made = (
        replace(
            make_job(f"job-{index}", model, steps=steps, arrival_s=arrival_s),
            evaluate=Evaluation(37, 10) if index % 3 == 0 else None,
            save_every_s=0.4 if index % 4 == 0 else None,
        )
        for index, (model, steps, arrival_s) in enumerate(drawn)
    )
    return problem_of(make_workload(*made), MACHINE, PROFILES)


@given(drawn=st.lists(jobs, min_size=1, max_size=7), name=POLICY, slots=st.integers(1, 3))
def test_it_judges_as_the_clock_runs(
    drawn: list[tuple[str, int, float]], name: str, slots: int
) -> None:
    """Jobs of 1, 2 and 3 GiB, that must wait for memory; arrivals; rounds."""
    given_problem = problem(drawn)
    layout = Cut(cpu_slots=slots).layout(MACHINE)
    policy = make_policy(name)
    first = simulate(given_problem, policy, layout, TIMES, level="job")
    plan = schedule_of(given_problem.workload, MACHINE, make_policy(name), layout, first.bookings)
    replayed = simulate(given_problem, Planned(plan), layout, TIMES, level="job").summary
    judged = Evaluator(given_problem, layout, TIMES, plan.settings.memory).judge(plan.dispatches)
    assert judged.makespan_s == pytest.approx(replayed.makespan_s, abs=1e-9, rel=1e-12)
    begin_s = judged.starts_s.min()
    for job, start_s, end_s in zip(replayed.jobs, judged.starts_s, judged.ends_s, strict=True):
        assert start_s - begin_s == pytest.approx(job.start_s, abs=1e-9, rel=1e-12)
        assert end_s - begin_s == pytest.approx(job.end_s, abs=1e-9, rel=1e-12)


@given(
    drawn=st.lists(jobs, min_size=1, max_size=7),
    name=st.sampled_from(["muri", "cognn_lmcf", "carma_magm", "dyType@dyWork"]),
    context_bytes=st.sampled_from([0, GIB // 4]),
)
@example([("amazon_din", 300, 0.0), ("criteo_dlrm", 300, 0.0)] * 3, "carma_magm", 0)
def test_rounds_of_a_device_and_peaks(
    drawn: list[tuple[str, int, float]], name: str, context_bytes: int
) -> None:
    """Two GPUs that hold 4.5 GiB: Muri's groups wait for their own GPU alone, CoGNN and CARMA count
    peaks without a margin, of 1, 2 and 3 GiB; workers without a job hold their contexts."""
    known = {key: with_context(each, context_bytes) for key, each in BOTH_PROFILES.items()}
    made = problem_of(problem(drawn).workload, BOTH_MACHINE, known)
    layout = Cut(gpu_slots=2, gpu_threads=1).layout(BOTH_MACHINE)
    first = simulate(made, make_policy(name), layout, BOTH_TIMES)
    plan = schedule_of(made.workload, BOTH_MACHINE, make_policy(name), layout, first.bookings)
    replayed = simulate(made, Planned(plan), layout, BOTH_TIMES).summary
    evaluator = Evaluator(made, layout, BOTH_TIMES, plan.settings.memory)
    judged = evaluator.judge(plan.dispatches)
    ends_s = judged.ends_s - judged.starts_s.min()
    assert ends_s == pytest.approx([job.end_s for job in replayed.jobs], abs=1e-9, rel=1e-12)


def with_context(profile: ModelProfile, context_bytes: int) -> ModelProfile:
    memory = tuple(replace(each, context_bytes=context_bytes) for each in profile.memory)
    return replace(profile, memory=memory)


def test_a_plan_that_cannot_go_on() -> None:
    model = sorted(MODELS)[0]
    two = problem([(model, 5, 0.0), (model, 5, 0.0)])
    layout = Cut(cpu_slots=1).layout(MACHINE)
    only = ScheduledJob(0, 0, "job-0", ("cpu:0",), 0, 1, "device", "process")
    with pytest.raises(PolicyStarved):
        Evaluator(two, layout, TIMES).judge([only])
    with pytest.raises(PolicyStarved):
        Evaluator(two, layout, TIMES).judge([])


@given(drawn=st.lists(jobs, min_size=1, max_size=5))
def test_slots_that_share_cores(drawn: list[tuple[str, int, float]]) -> None:
    given_problem = problem(drawn)
    layout = Layout((DeviceSlots("cpu:0", 4, 1),), in_turn=True)
    first = simulate(given_problem, make_policy("all_at_once"), layout, TIMES, level="job")
    plan = schedule_of(
        given_problem.workload, MACHINE, make_policy("all_at_once"), layout, first.bookings
    )
    judged = Evaluator(given_problem, layout, TIMES).judge(plan.dispatches)
    replayed = simulate(given_problem, Planned(plan), layout, TIMES, level="job").summary
    assert judged.makespan_s == pytest.approx(replayed.makespan_s, abs=1e-9, rel=1e-12)


def test_draws_scale_what_a_mix_takes() -> None:
    model = sorted(MODELS)[0]
    two = problem([(model, 50, 0.0), (model, 50, 0.0)])
    layout = Cut(cpu_slots=2).layout(MACHINE)
    plan = [
        ScheduledJob(place, 0, f"job-{place}", ("cpu:0",), place, 1, "device", "process")
        for place in (0, 1)
    ]
    evaluator = Evaluator(two, layout, TIMES)
    once = evaluator.judge(plan)
    assert evaluator.known
    doubled = evaluator.draws(plan, lambda known: [Factors(np.ones(2), np.full(len(known), 2.0))])
    assert [each.makespan_s for each in doubled] == [pytest.approx(2 * once.makespan_s)]
