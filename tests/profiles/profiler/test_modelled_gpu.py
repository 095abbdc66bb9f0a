"""The modelled GPU machine, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from experiments.tools.model_gpu_machine import predicted_memory
from profiles.profiler.modelled_gpu import (
    ModelledGpu,
    modelled_machine,
    modelled_profile,
    two_clocks_us,
)
from profiles.stored.store import Store
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import InputCost, ModelProfile
from rmixer.operators.operator_cost import OperatorCost
from rmixer.testing.made_up import make_job, make_machine, make_operator, make_profile, make_step
from sim.demand.segments import step_segments

GPU = ModelledGpu(gflops=1000.0, bandwidth_gbps=100.0, link_gbps=10.0, kernel_us=2.0, launch_us=5.0)


def operator(name: str, index: int, flops: int = 0, moved: int = 0) -> OperatorCost:
    made = make_operator(100.0, moved_bytes=moved, index=index)
    return replace(made, operator=name, flops=flops)


def measured() -> ModelProfile:
    """20 us of input, a product of 40 MFLOP, a copy of 1 MB, a view, something tiny."""
    rows = [
        make_operator(20.0, phase="input"),
        operator("aten::mm", 1, flops=40_000_000, moved=1000),
        operator("aten::cat", 2, moved=1_000_000),
        operator("aten::view", 3),
        operator("aten::add", 4, flops=10, moved=120),
    ]
    made = make_profile(steps=[make_step(mean_us=420.0)], operators=rows)
    return replace(made, input=(InputCost("warm", 1, 1.0, 1.0, 100_000),))


def test_each_operator_takes_what_the_roofline_says() -> None:
    """100 kB at 10 GB/s are 10 us; 40 MFLOP at 1 TFLOP/s 40 us; 1 MB at 100 GB/s 10 us."""
    found = modelled_profile(measured(), machine(), GPU)
    device = [cost for cost in found.operators if cost.lane != "cpu"]
    assert [(cost.operator, cost.lane) for cost in device] == [
        ("copy", "link"),
        ("aten::mm", "gpu"),
        ("aten::cat", "gpu"),
        ("aten::add", "gpu"),
    ]
    assert [cost.mean_us for cost in device] == pytest.approx([10.0, 40.0, 10.0, 2.0])
    assert {cost.host_us for cost in device} == {5.0}


def test_the_step_is_the_later_of_two_clocks() -> None:
    """Launches end at 25, 30, 35, 40 us. On the device: 25 to 35, 36 to 76, 77 to 87, 88 to 90."""
    found = modelled_profile(measured(), machine(), GPU)
    step = found.step("gpu", 1)
    assert step.mean_us == pytest.approx(90.0)
    assert step.measurement is None
    assert found.utilisation["gpu"] == pytest.approx(52 / 90)
    assert found.step("cpu", 1) == measured().step("cpu", 1)


def test_small_kernels_are_bound_by_their_launches() -> None:
    rows = [make_operator(10.0, phase="input")]
    device = [replace(make_operator(2.0, lane="gpu"), host_us=8.0) for _ in range(10)]
    assert two_clocks_us(rows, device) == (pytest.approx(92.0), pytest.approx(20.0))


def test_memory_is_what_the_step_holds_and_a_context() -> None:
    made = measured()
    cpu = replace(made.memory[0], parameter_bytes=1, gradient_bytes=20, activation_bytes=300)
    found = modelled_profile(replace(made, memory=(cpu,)), machine(), GPU)
    assert found.memory[0] == cpu
    assert found.memory[1].peak_bytes == 321 + GPU.context_bytes


def machine() -> Machine:
    return modelled_machine(make_machine(), "modelled-gpu", 4, GPU)


def test_it_says_that_it_is_modelled_and_can_be_simulated() -> None:
    exchanging = replace(make_machine(cores=2), exchange_us=(0.0, 40.0))
    made = modelled_machine(exchanging, "modelled-gpu", 4, GPU)
    assert made.origin == "modelled"
    assert made.exchange_us == ()  # nobody measured that of four cores
    assert (len(made.cores), made.gpus[0].matmul_gflops) == (4, 1000.0)
    assert made.bandwidth_gbps == (10.0, 20.0, 30.0, 40.0)
    found = modelled_profile(measured(), made, GPU)
    assert (found.origin, found.machine) == ("modelled", "modelled-gpu")
    assert found.identity == measured().identity == make_profile(batch=make_job().batch).identity
    segments = step_segments(found, "gpu", 1)
    assert segments.solo_s == pytest.approx(90e-6)
    assert segments.gpu_s == pytest.approx(52e-6, rel=0.1)


def test_memory_is_predicted_where_it_can_be() -> None:
    """DIFM works on chunks on the CPU, on a GPU on all of its batch at once."""
    (profile,) = [
        found for found in Store().profiles("epyc-2c") if found.key.startswith("criteo_difm-b512")
    ]
    gpu = ModelledGpu()
    predicted = predicted_memory(profile, gpu)
    assert predicted is not None
    here, there = modelled_profile(profile, machine(), gpu, predicted).memory
    assert there.parameter_bytes == here.parameter_bytes
    assert there.gradient_bytes == here.gradient_bytes
    assert there.optimizer_bytes == predicted.optimizer_bytes
    of_step = predicted.gradient_bytes + predicted.activation_bytes + predicted.input_bytes
    assert (there.gradient_bytes or 0) + (there.activation_bytes or 0) == of_step
    assert there.peak_bytes == predicted.reserved_bytes + gpu.context_bytes
    assert (there.activation_bytes or 0) > 2 * (here.activation_bytes or 0)


def test_memory_of_others_is_as_on_the_cpu() -> None:
    own = replace(measured(), identity=replace(measured().identity, model="mine:Model"))
    assert predicted_memory(own, GPU) is None
    mixed = replace(Store().profiles("epyc-2c")[0].identity, precision="bf16")
    assert predicted_memory(replace(measured(), identity=mixed), GPU) is None
