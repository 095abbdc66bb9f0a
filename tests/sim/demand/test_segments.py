"""Steps as segments: totals, weights, the two clocks, and what coalescing may cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from rmixer.errors import InputError
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.operators.operator_cost import OperatorCost
from rmixer.scheduling.step_times import Member
from rmixer.testing.made_up import make_machine, make_operator, make_profile, make_step
from sim.demand.contention import Background
from sim.demand.resident import make_resident
from sim.demand.segments import step_segments, two_clocks_s
from sim.operator_level.ensemble import replicate


def cpu(operators: Sequence[OperatorCost], mean_us: float, stall_us: float = 0.0) -> ModelProfile:
    step = make_step(
        mean_us=mean_us,
        stall_us=stall_us,
        compute_slowdown=(1.05,),
        stream_slowdown=(2.0,),
        pressure=1.0,
    )
    return make_profile(steps=[step], operators=operators)


def gpu(operators: Sequence[OperatorCost], mean_us: float) -> ModelProfile:
    step = make_step(
        "gpu", mean_us=mean_us, compute_slowdown=(1.2,), stream_slowdown=(1.6,), pressure=0.5
    )
    return make_profile(steps=[step], operators=operators)


def kernel(device_us: float, host_us: float, gap_us: float = 0.0) -> OperatorCost:
    return make_operator(device_us, lane="gpu", host_us=host_us, t1_us=gap_us)


def test_a_step_alone_takes_its_mean_and_its_stalls():
    operators = [make_operator(10, gap_before_us=2), make_operator(30)]
    step = step_segments(cpu(operators, mean_us=40, stall_us=2), "cpu", 1)
    assert step.solo_s == pytest.approx(42e-6)
    assert sum(segment.host_s for segment in step.segments) == pytest.approx(42e-6)
    assert [segment.host_s for segment in step.segments] == pytest.approx([12e-6, 30e-6])


def test_and_what_far_cores_add_to_it():
    step = make_step(mean_us=40, stall_us=2, apart_us=8)
    profile = make_profile(steps=[step], operators=[make_operator(40)])
    assert step_segments(profile, "cpu", 1).solo_s == pytest.approx(50e-6)


def test_weight_is_share_of_bytes_over_share_of_time():
    # 1/4 of the bytes in 1/2 of the time, 3/4 in the other half.
    operators = [make_operator(20, moved_bytes=100), make_operator(20, moved_bytes=300)]
    step = step_segments(cpu(operators, mean_us=40), "cpu", 1)
    assert [segment.weight for segment in step.segments] == pytest.approx([0.5, 1.5])


def test_no_operator_is_heavier_than_a_stream_and_a_half():
    # 2 and 2/3 by bytes; at pressure 1 that would be two streams, so 1.5 and the rest.
    operators = [make_operator(30, moved_bytes=100), make_operator(10, moved_bytes=100)]
    step = step_segments(cpu(operators, mean_us=40), "cpu", 1)
    assert [segment.weight for segment in step.segments] == pytest.approx([5 / 6, 1.5])


def test_operators_of_other_threads_and_none_at_all():
    operators = [make_operator(30), make_operator(20, threads=2)]
    assert len(step_segments(cpu(operators, 30), "cpu", 1).segments) == 1
    assert step_segments(cpu([], 30), "cpu", 1).segments[0].host_s == pytest.approx(30e-6)
    with pytest.raises(InputError, match="operators"):
        step_segments(gpu([], 30), "gpu", 1)


times = st.floats(1, 500)
rows = st.builds(make_operator, times, st.integers(0, 10**7), st.floats(0, 20))


@given(operators=st.lists(rows, min_size=1, max_size=120))
def test_coalescing_keeps_time_and_mean_weight(operators: list[OperatorCost]):
    step = step_segments(cpu(operators, mean_us=1000), "cpu", 1)
    assert len(step.segments) <= 16
    assert step.host_s == pytest.approx(1e-3)
    assert sum(s.host_s * s.weight for s in step.segments) == pytest.approx(1e-3)


# In each, mean_us is what the two clocks give by hand: then no time is scaled, which the host's
# and the GPU's own seconds show.


def test_host_bound_step():
    # Launches end at 20, 40 and 60 µs; the GPU waits for each, and ends 5 µs after the last.
    step = step_segments(gpu([kernel(5, host_us=15, gap_us=5)] * 3, mean_us=65), "gpu", 1)
    assert step.host_s == pytest.approx(60e-6)
    assert step.gpu_s == pytest.approx(3 * (5 + 1) * 1e-6)


def test_gpu_bound_step():
    # The first kernel starts at 10 µs, each next one 1 µs after the end of the one before:
    # 10-60, 61-111, 112-162. Slowed twofold on the host it only starts 10 µs later.
    step = step_segments(gpu([kernel(50, host_us=10)] * 3, mean_us=162), "gpu", 1)
    assert step.host_s == pytest.approx(30e-6)
    assert two_clocks_s(step.segments, host_slowdown=2.0) == pytest.approx(172e-6, abs=1.1e-6)


def test_the_host_waits_at_a_read_back():
    # Kernel 10-60; the copy, launched at 15, runs 61-81 and the host waits; then 10 µs of
    # launching and 50 of the GPU: 91-141.
    copy = make_operator(20, lane="link", host_us=5, phase="optimizer")
    operators = [kernel(50, host_us=10), copy, kernel(50, host_us=10)]
    step = step_segments(gpu(operators, mean_us=141), "gpu", 1)
    assert step.host_s == pytest.approx(25e-6)
    assert [segment.lane for segment in step.segments] == ["gpu", "link", "gpu"]


def test_a_step_whose_pressure_is_not_known_has_segments_too():
    profile = cpu([make_operator(10, 300), make_operator(30, 100)], mean_us=40)
    steps = [replace(profile.steps[0], stream_slowdown=(), pressure=None)]
    unknown = replace(profile, steps=tuple(steps))
    none = replace(profile, steps=(replace(profile.steps[0], pressure=0.0),))
    assert step_segments(unknown, "cpu", 1) == step_segments(none, "cpu", 1)


def test_the_host_does_not_wait_for_a_copy_to_the_device():
    # The copy is launched at 5 and ends at 25; the kernel, launched at 15, starts at 26.
    copy = make_operator(20, lane="link", host_us=5, phase="copy")
    step = step_segments(gpu([copy, kernel(50, host_us=10)], mean_us=76), "gpu", 1)
    assert step.host_s == pytest.approx(15e-6)


def test_a_gpu_step_takes_the_input_of_the_cpu_step_and_no_more():
    operators = [
        make_operator(10, phase="input"),
        make_operator(70, phase="forward"),
        kernel(50, host_us=10),
    ]
    both = make_profile(steps=[make_step(), make_step("gpu", mean_us=70)], operators=operators)
    assert step_segments(both, "gpu", 1).host_s == pytest.approx(20e-6)


kernels = st.builds(kernel, st.floats(2, 200), st.floats(3, 50), st.floats(0, 10))
copies = st.builds(
    make_operator,
    st.floats(2, 50),
    lane=st.just("link"),
    host_us=st.floats(2, 20),
    phase=st.sampled_from(["copy", "backward"]),
)
on_host = st.builds(make_operator, st.floats(1, 100))


@st.composite
def gpu_steps(draw: st.DrawFn) -> list[OperatorCost]:
    """Up to five read-backs or copies, kernels and host operators between them."""
    operators: list[OperatorCost] = []
    for _ in range(draw(st.integers(1, 5))):
        operators += draw(st.lists(st.one_of(kernels, kernels, on_host), max_size=30))
        operators.append(draw(copies))
    return [*operators, draw(kernels)]


@given(operators=gpu_steps())
def test_coalescing_keeps_both_clocks_of_a_gpu_step(operators: list[OperatorCost]):
    profile = gpu(operators, mean_us=1000)
    whole, short = (step_segments(profile, "gpu", 1, limit) for limit in (None, 16))
    assert len(short.segments) <= 16
    # Coalescing is exact alone: not even the factor to the measured step differs.
    assert short.host_s == pytest.approx(whole.host_s, rel=1e-6)
    assert short.gpu_s == pytest.approx(whole.gpu_s, rel=1e-6)


few = settings(max_examples=settings().max_examples // 4, phases=[Phase.generate])


def speeds(profile: ModelProfile, kind: str, limit: int | None) -> list[float]:
    """Mean speeds of two such jobs beside each other, over some start offsets."""
    machine = make_machine(cores=2, gpus=1)
    step = step_segments(profile, kind, 1, limit)
    cost = profile.step(kind, 1)
    pair = [
        make_resident(Member(profile.key, "train", f"{kind}:0", (core,)), cost, step, machine)
        for core in range(2)
    ]
    offsets = np.array([[0.0] * 24, [(index + 0.5) / 24 for index in range(24)]])
    return [fmean(row) for row in replicate(pair, Background(), offsets).tolist()]


@given(operators=st.lists(rows, min_size=20, max_size=100))
@few
def test_coalesced_cpu_walk_within_half_a_percent(operators: list[OperatorCost]):
    profile = cpu(operators, mean_us=sum(row.mean_us for row in operators))
    assert speeds(profile, "cpu", 16) == pytest.approx(speeds(profile, "cpu", None), rel=0.005)


@given(operators=gpu_steps())
@few
def test_coalesced_gpu_walk_within_half_a_percent(operators: list[OperatorCost]):
    profile = gpu(operators, mean_us=1000)
    assert speeds(profile, "gpu", 16) == pytest.approx(speeds(profile, "gpu", None), rel=0.005)
