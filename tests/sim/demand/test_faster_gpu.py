"""Steps on a faster GPU: what is bound by the host stays, what is bound by the GPU is faster.

In each, ``mean_us`` is what the two clocks give by hand. A kernel starts at its launch, or 1 µs
after the end of the one before; that microsecond is no kernel's, and no GPU's speed changes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_programs import make_command_job, make_command_profile

from rmixer.hardware.machine import Gpu
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.operators.operator_cost import OperatorCost
from rmixer.testing.made_up import make_operator, make_profile, make_step
from sim.demand.other_machines import with_gpu_speed
from sim.demand.segments import step_segments

GPU = Gpu("made up", 1 << 34, 100, bandwidth_gbps=1000.0, matmul_gflops=10_000.0)


def kernel(device_us: float, host_us: float, **changes: object) -> OperatorCost:
    return make_operator(device_us, lane="gpu", host_us=host_us, **changes)


def step_of(
    operators: Sequence[OperatorCost], mean_us: float, busy_us: float = 0.0, **changes: object
) -> ModelProfile:
    step = make_step("gpu", mean_us=mean_us, **changes)
    return make_profile(steps=[step], operators=operators, utilisation={"gpu": busy_us / mean_us})


def mean_us(profile: ModelProfile, speed: float) -> float:
    return with_gpu_speed(profile, GPU, speed).step("gpu", 1).mean_us


HOST_BOUND = step_of([*[kernel(5, host_us=20)] * 3, make_operator(40)], 100, busy_us=15)
"""Launches end at 20, 40 and 60 µs, and the host goes on to 100; the GPU is done at 65."""

GPU_BOUND = step_of([kernel(50, host_us=10)] * 3, 162, busy_us=150)
"""Kernels run 10-60, 61-111, 112-162."""

BETWEEN = step_of([kernel(50, host_us=10), kernel(10, host_us=60)], 80, busy_us=60)
"""The first runs 10-60 µs; the second, launched at 70, to 80."""


@pytest.mark.parametrize("speed", [1.5, 4.0, 1000.0])
def test_a_step_bound_by_the_host_gains_nothing(speed: float) -> None:
    assert mean_us(HOST_BOUND, speed) == pytest.approx(100.0)


@pytest.mark.parametrize("speed", [0.5, 1.5, 2.0])
def test_a_step_bound_by_the_gpu_gains_its_speed(speed: float) -> None:
    assert mean_us(GPU_BOUND, speed) == pytest.approx(10 + 150 / speed + 2)


def test_a_step_that_waits_now_for_this_and_now_for_that() -> None:
    assert mean_us(BETWEEN, 2.0) == pytest.approx(75.0)  # 10-35, and 70-75
    assert mean_us(BETWEEN, 0.5) == pytest.approx(131.0)  # 10-110, and 111-131


def test_copies_that_the_host_waits_for_are_faster_too() -> None:
    """Kernel 10-60 µs; the copy, launched at 15, runs 61-81; 10 µs of launching, 50 of the GPU:
    91-141. Twice as fast: 10-35, 36-46, 56-81."""
    copy = make_operator(20, lane="link", host_us=5, phase="optimizer")
    profile = step_of([kernel(50, host_us=10), copy, kernel(50, host_us=10)], 141)
    assert mean_us(profile, 2.0) == pytest.approx(81.0)


operators = st.lists(
    st.builds(
        make_operator,
        st.floats(1, 300),
        lane=st.sampled_from(["gpu", "link", "cpu"]),
        host_us=st.floats(0, 100),
        phase=st.sampled_from(["copy", "forward", "optimizer"]),
    ),
    min_size=1,
    max_size=60,
)


@given(operators, st.floats(1, 20))
def test_nothing_gains_more_than_the_speed_and_nothing_loses(
    rows: list[OperatorCost], speed: float
) -> None:
    profile = step_of(rows, 1000.0)
    assert 1000.0 / speed <= mean_us(profile, speed) * (1 + 1e-9)
    assert mean_us(profile, speed) <= 1000.0 * (1 + 1e-9)
    assert mean_us(profile, 1 / speed) >= 1000.0 * (1 - 1e-9)


@given(operators)
def test_the_host_works_as_long_as_before(rows: list[OperatorCost]) -> None:
    """Also of a step that takes another time than its operators add up to. (Segments are up to
    0.5% apart from single operators, hence one segment an operator.)"""
    profile = step_of(rows, 1000.0)
    faster = with_gpu_speed(profile, GPU, 3.0)
    before, after = (step_segments(each, "gpu", 1, limit=None) for each in (profile, faster))
    assert after.host_s == pytest.approx(before.host_s)
    assert after.solo_s == faster.step("gpu", 1).expected_us * 1e-6


def test_a_speed_of_one_changes_nothing() -> None:
    assert with_gpu_speed(BETWEEN, GPU, 1.0) is BETWEEN
    on_cpu = make_profile(operators=[make_operator(5)])
    assert with_gpu_speed(on_cpu, GPU, 2.0) is on_cpu


def test_utilisation_is_the_busy_share_of_the_new_step() -> None:
    assert with_gpu_speed(HOST_BOUND, GPU, 2.0).utilisation == {"gpu": pytest.approx(7.5 / 100)}
    assert with_gpu_speed(GPU_BOUND, GPU, 2.0).utilisation == {"gpu": pytest.approx(75 / 87)}


def test_a_job_that_a_faster_gpu_hardly_notices_is_low() -> None:
    assert HOST_BOUND.job_type == {"gpu": "compute"}
    assert with_gpu_speed(HOST_BOUND, GPU, 1.2).job_type == {"gpu": "compute"}  # busy for 12.5%
    assert with_gpu_speed(HOST_BOUND, GPU, 2.0).job_type == {"gpu": "low"}  # for 7.5%


@pytest.mark.parametrize(("flops", "expected"), [(1000, "compute"), (999, "memory")])
def test_a_low_job_on_a_slower_gpu_is_what_the_roofline_says(flops: int, expected: str) -> None:
    """The ridge is at 10 FLOPs a byte: of 100 bytes, at 1000 FLOPs."""
    rows = [kernel(5, 20, flops=flops, read_bytes=60, written_bytes=40), make_operator(80)]
    profile = replace(step_of(rows, 100, busy_us=5), job_type={"gpu": "low"})
    assert with_gpu_speed(profile, GPU, 0.6).job_type == {"gpu": "low"}  # busy for 8.3%
    assert with_gpu_speed(profile, GPU, 0.25).job_type == {"gpu": expected}  # for 20%
    unmeasured = replace(GPU, matmul_gflops=None)
    assert with_gpu_speed(profile, unmeasured, 0.25).job_type == {"gpu": "low"}


def test_phases_of_steps_go_with_them_and_the_others_stay() -> None:
    """A GPU-bound step of 162 µs takes 87 on a GPU twice as fast. Warm-up is 1000 of them and 1 s
    of what is no step."""
    step = make_step(
        "gpu", mean_us=162, stall_us=16.2, build_s=2, warmup_s=1.162, evaluate_s=0.324, save_s=3
    )
    profile = replace(GPU_BOUND, steps=(step,), warmup_steps=1000)
    found = with_gpu_speed(profile, GPU, 2.0).step("gpu", 1)
    assert (found.mean_us, found.stall_us, found.p50_us) == pytest.approx((87.0, 8.7, 87.0))
    assert (found.warmup_s, found.evaluate_s) == pytest.approx((1.087, 0.174))
    assert (found.build_s, found.save_s) == (2, 3)


def test_a_step_on_the_cpu_stays() -> None:
    both = replace(
        GPU_BOUND,
        steps=(make_step(mean_us=500.0), *GPU_BOUND.steps),
        utilisation={"cpu": 0.9, "gpu": 0.9},
        job_type={"cpu": "memory", "gpu": "compute"},
    )
    found = with_gpu_speed(both, GPU, 2.0)
    assert found.step("cpu", 1) == both.step("cpu", 1)
    assert found.step("gpu", 1).mean_us == pytest.approx(87.0)
    assert (found.utilisation["cpu"], found.job_type["cpu"]) == (0.9, "memory")


def test_of_a_program_only_the_time_of_its_gpu_is_known() -> None:
    """It works 60 µs on the host, then waits 40 for its GPU."""
    job = make_command_job(gpus=1)
    profile = make_command_profile(job, make_step("gpu", mean_us=100.0, gpu_us=40.0))
    found = with_gpu_speed(profile, GPU, 2.0).step("gpu", 1)
    assert (found.mean_us, found.gpu_us) == pytest.approx((80.0, 20.0))
