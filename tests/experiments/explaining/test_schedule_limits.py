"""What limits a schedule: each need, the last job and the tail, by hand."""

from __future__ import annotations

import pytest

from experiments.explaining.limits import Limits, limits_of
from experiments.explaining.resource_use import resource_use
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.policies import make_policy
from rmixer.policies.baselines.simple import AllAtOnce
from rmixer.scheduling.layout import Cut, Layout
from rmixer.scheduling.problem import problem_of
from rmixer.scheduling.step_times import StepTimes
from rmixer.testing.made_up import (
    by_key,
    make_job,
    make_machine,
    make_operator,
    make_profile,
    make_step,
    make_workload,
)
from rmixer.workload.workload import Job
from sim import OperatorLevel, Uncontended
from sim.job_level.simulate import simulate

ON_BOTH = make_profile(
    steps=[make_step("cpu", mean_us=20_000), make_step("gpu", mean_us=10_000)],
    operators=[
        make_operator(4000.0, lane="gpu", host_us=6000.0),
        make_operator(1000.0, lane="link", host_us=0.0),
    ],
    utilisation={"cpu": 1.0, "gpu": 0.4},
)


def limits(
    jobs: list[Job],
    machine: Machine,
    layout: Layout,
    profile: ModelProfile,
    step_times: StepTimes | None = None,
    policy: str = "lpt",
) -> Limits:
    problem = problem_of(make_workload(*jobs), machine, by_key(profile))
    times = step_times or Uncontended(problem.profiles)
    found = simulate(problem, make_policy(policy), layout, times)
    use = resource_use(problem, layout, found.timeline, found.summary)
    return limits_of(problem, layout, found.summary, use)


def by_resource(found: Limits) -> dict[str, float]:
    return {need.resource: need.least_s for need in found.needs}


def test_one_slot_is_what_limits_jobs_one_after_another() -> None:
    machine = make_machine(cores=4)
    layout = Cut(cpu_slots=1).layout(machine)
    found = limits([make_job(n, steps=100) for n in "abc"], machine, layout, make_profile())
    assert found.makespan_s == pytest.approx(3.0)
    assert found.needs[0].resource == "slots of cpu:0"
    assert found.needs[0].share == pytest.approx(1.0)
    assert by_resource(found)["host cores"] == pytest.approx(3.0 / 4)
    assert by_resource(found)["longest job, a alone on cpu:0"] == pytest.approx(1.0)
    assert (found.last.waits_s, found.last.alone_s) == pytest.approx((2.0, 1.0))
    assert found.last.company_s == pytest.approx(0.0)
    assert (found.held_cores, found.held_slots) == pytest.approx((1.0, 1.0))


def test_a_long_job_limits_and_leaves_slots_empty() -> None:
    """One job of 10 s beside two of 1 s: from second 1 on, half the slots are empty."""
    machine = make_machine(cores=2)
    jobs = [make_job("long", steps=1000), make_job("a", steps=100), make_job("b", steps=100)]
    found = limits(jobs, machine, Cut(cpu_slots=2).layout(machine), make_profile())
    assert found.needs[0].resource == "longest job, long alone on cpu:0"
    assert found.needs[0].share == pytest.approx(1.0)
    assert (found.tail.from_s, found.tail.length_s) == pytest.approx((1.0, 9.0))
    assert found.tail.idle_slots == pytest.approx(2 - (9 + 1) / 9)


def test_a_job_that_arrives_late_is_the_longest() -> None:
    machine = make_machine(cores=2)
    jobs = [make_job("first", steps=400), make_job("late", steps=100, arrival_s=5.0)]
    found = limits(jobs, machine, Cut(cpu_slots=2).layout(machine), make_profile())
    assert by_resource(found)["longest job, late alone on cpu:0"] == pytest.approx(6.0)
    assert (found.last.job, found.last.arrives_s) == ("late", pytest.approx(5.0))


def test_lanes_of_a_gpu() -> None:
    """A step: 6 ms until the kernel is launched, 4 ms of it; the copy of 1 ms follows, so that the
    step would be 11 ms, and all is scaled to 10."""
    machine = make_machine(cores=4, gpus=1)
    layout = Cut(gpu_slots=2).layout(machine)
    found = limits([make_job("a"), make_job("b")], machine, layout, ON_BOTH)
    needs = by_resource(found)
    lane_s, link_s = needs["compute lane of gpu:0"], needs["link of gpu:0"]
    assert lane_s == pytest.approx(200 * 0.004 * 10 / 11, rel=0.01)
    assert link_s == pytest.approx(200 * 0.001 * 10 / 11, rel=0.01)
    assert needs["slots of gpu:0"] == pytest.approx(1.0)


def test_a_job_that_is_placed_where_it_is_slow_says_so() -> None:
    machine = make_machine(cores=2, gpus=1)
    layout = Cut(gpu_slots=1, cpu_slots=1).layout(machine)
    jobs = [make_job("a"), make_job("b")]
    found = limits(jobs, machine, layout, ON_BOTH, policy="dySequ")
    slow = found.needs[0]
    assert (slow.kind, slow.resource) == ("placed job", "b alone on cpu:0, where it is placed")
    assert slow.least_s == pytest.approx(2.0)
    assert by_resource(found)["longest job, a alone on gpu:0"] == pytest.approx(1.0)


def test_slots_that_share_cores_limit_nothing() -> None:
    machine = make_machine(cores=2)
    layout = AllAtOnce().layout(machine, 4, Cut())
    jobs = [make_job(n, steps=1000) for n in "abcd"]
    profiles = by_key(make_profile())
    found = limits(jobs, machine, layout, make_profile(), OperatorLevel(profiles, machine))
    assert found.needs[0].resource == "host cores"
    assert found.needs[0].share == pytest.approx(1.0, rel=0.02)
    assert not [need for need in found.needs if need.kind == "slots"]
    assert found.last.company_s == pytest.approx(10.0, rel=0.02)
