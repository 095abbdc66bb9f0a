"""Command jobs in a simulation: one segment a lane, in any company."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_up_programs import make_command_job, make_command_profile

from rmixer.model_profile.model_profile import ModelProfile
from rmixer.policies import make_policy
from rmixer.scheduling.layout import DeviceSlots, Layout
from rmixer.scheduling.problem import problem_of
from rmixer.scheduling.step_times import Member, Mix
from rmixer.testing.made_up import (
    by_key,
    make_job,
    make_machine,
    make_profile,
    make_step,
    make_workload,
)
from rmixer.workload.workload import Job
from sim.demand.segments import step_segments
from sim.job_level.simulate import Level, simulate
from sim.operator_level.operator_level import OperatorLevel
from sim.simple_step_times.uncontended import SumOfOperators

MODEL = make_job("model", steps=300)
PROGRAM = make_command_job("program", steps=100)
MACHINE = make_machine(cores=2)


def two_slots(device: str) -> Layout:
    return Layout((DeviceSlots(device, slots=2, threads=1),))


def program_profile(**figures: float | tuple[float, ...]) -> ModelProfile:
    return make_command_profile(PROGRAM, make_step(mean_us=20_000.0, **figures))  # type: ignore[arg-type]


def test_it_is_one_segment() -> None:
    step = step_segments(program_profile(stall_us=1_000.0), "cpu", 1)
    assert [(segment.lane, segment.host_s) for segment in step.segments] == [
        ("cpu", pytest.approx(0.021))
    ]


@pytest.mark.parametrize("level", ["job", "operator"])
def test_beside_a_model_each_ends_when_it_should(level: Level) -> None:
    """300 steps of 10 ms, and 0.5 s of building before 100 of 20 ms: nothing disturbs either."""
    profiles = by_key(make_profile(), program_profile(build_s=0.5))
    run = simulate(
        problem_of(make_workload(MODEL, PROGRAM), MACHINE, profiles),
        make_policy("dySequ"),
        two_slots("cpu:0"),
        OperatorLevel(profiles, MACHINE),
        level=level,
    )
    ends_s = {job.id: job.end_s for job in run.summary.jobs}
    assert ends_s == pytest.approx({"model": 3.0, "program": 2.5})
    assert run.summary.job("program").samples == 0  # what a step of a program holds is unknown


def test_its_own_sensitivity_decides_how_it_is_slowed() -> None:
    """While the model is there, a core computes beside it: 20 ms become 30."""
    profiles = by_key(
        make_profile(), program_profile(compute_slowdown=(1.5,), stream_slowdown=(1.5,))
    )
    members = [Member(profile, "train", "cpu:0", (core,)) for core, profile in enumerate(profiles)]
    model_s, program_s = OperatorLevel(profiles, MACHINE).unit_s(Mix(tuple(members)))
    assert model_s == pytest.approx(0.010)
    assert program_s == pytest.approx(0.030)


def test_as_a_sum_of_operators_it_is_its_step_alone() -> None:
    profiles = by_key(program_profile())
    (member,) = (Member(key, "train", "cpu:0", (0,)) for key in profiles)
    assert SumOfOperators(profiles).unit_s(Mix((member,))) == (pytest.approx(0.020),)


def on_gpu(gpu_us: float) -> tuple[Job, ModelProfile]:
    job = make_command_job("program", gpus=1)
    return job, make_command_profile(
        job, replace(make_step("gpu", mean_us=10_000.0), gpu_us=gpu_us)
    )


def test_on_a_gpu_it_is_a_segment_of_host_and_one_of_gpu() -> None:
    _, profile = on_gpu(gpu_us=6_000.0)
    step = step_segments(profile, "gpu", 1)
    assert [segment.lane for segment in step.segments] == ["cpu", "gpu"]
    assert (step.host_s, step.gpu_s) == (pytest.approx(0.004), pytest.approx(0.006))
    busier = step_segments(on_gpu(gpu_us=12_000.0)[1], "gpu", 1)  # a meter is not that precise
    assert [(segment.lane, segment.device_s) for segment in busier.segments] == [("gpu", 0.010)]


def test_two_programs_on_one_gpu_wait_for_each_other() -> None:
    """Each keeps the GPU busy for 6 ms of its 10. Together a step of both takes at least 12 ms of
    GPU, and no more than as if nothing overlapped."""
    _, profile = on_gpu(gpu_us=6_000.0)
    machine = make_machine(cores=2, gpus=1)
    members = tuple(Member(profile.key, "train", "gpu:0", (core,)) for core in (0, 1))
    alone_s = OperatorLevel(by_key(profile), machine).unit_s(Mix(members[:1]))
    assert alone_s == (pytest.approx(0.010),)
    for unit_s in OperatorLevel(by_key(profile), machine).unit_s(Mix(members)):
        assert unit_s >= 0.012 * 0.9999
        assert unit_s <= 0.020
