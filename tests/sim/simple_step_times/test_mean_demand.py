"""Rough step times: what is exact about them, and that they are near the operator level's."""

from __future__ import annotations

import pytest
from quickstart_like import MODELS, profiles

from rmixer.scheduling.step_times import Member, Mix
from rmixer.testing.made_up import by_key, make_machine, make_operator, make_profile, make_step
from sim import OperatorLevel
from sim.demand.contention import demand_of, host_speeds
from sim.simple_step_times.mean_demand import MeanDemand

CURVES = {"compute_slowdown": (1.2, 1.4), "stream_slowdown": (1.6, 2.2), "pressure": 0.5}


def test_on_a_cpu_each_goes_at_the_speed_of_the_contention_model():
    step = make_step(mean_us=10_000.0, build_s=2.0, **CURVES)
    made = make_profile("criteo_dlrm", [step], [make_operator(10_000.0, 100)])
    machine = make_machine(3)
    members = [
        Member(made.key, phase, "cpu:0", (core,)) for core, phase in enumerate(["train"] * 2)
    ]
    found = MeanDemand(by_key(made), machine).unit_s(Mix(tuple(members)))
    speeds = host_speeds([demand_of(step, member.cores, machine) for member in members])
    assert found == pytest.approx([0.01 / speed for speed in speeds])


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_jobs_that_never_leave_a_gpu_idle_take_turns(jobs: int):
    kernels = [make_operator(100.0, lane="gpu", host_us=1.0) for _ in range(20)]
    made = make_profile("criteo_dlrm", [make_step("gpu", mean_us=2000.0)], kernels)
    times = MeanDemand(by_key(made), make_machine(8, gpus=1))
    members = [Member(made.key, "train", "gpu:0", (core,)) for core in range(jobs)]
    found = times.unit_s(Mix(tuple(members)))
    assert found == pytest.approx([jobs * 0.002] * jobs, rel=0.02)


def test_jobs_on_two_gpus_do_not_slow_each_other():
    kernels = [make_operator(100.0, lane="gpu", host_us=1.0) for _ in range(20)]
    made = make_profile("criteo_dlrm", [make_step("gpu", mean_us=2000.0)], kernels)
    members = [Member(made.key, "train", f"gpu:{index}", (index,)) for index in range(2)]
    found = MeanDemand(by_key(made), make_machine(2, gpus=2)).unit_s(Mix(tuple(members)))
    assert found == pytest.approx([0.002] * 2, rel=1e-6)


@pytest.mark.parametrize("gpu", [False, True])
def test_they_are_near_the_operator_level_s(gpu: bool):
    made, machine = profiles(gpu), make_machine(3, gpus=int(gpu))
    keys = list(made)[: len(MODELS)]
    device = "gpu:0" if gpu else "cpu:0"
    phases = ["train", "train", "evaluate"]
    members = [
        Member(key, phase, device, (core,))
        for core, (key, phase) in enumerate(zip(keys, phases, strict=False))
    ]
    mix = Mix(tuple(members))
    exact = OperatorLevel(made, machine).unit_s(mix)
    assert MeanDemand(made, machine).unit_s(mix) == pytest.approx(exact, rel=0.15)
