"""A real profile on a real GPU: lanes, closure, memory, and what its steps agree on with the CPU's.

Skipped without one.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from profiles.machines import limits
from profiles.machines.gpu_rates import gpus
from profiles.measurements.rounds import Plan
from profiles.profiler.profile_jobs import profile_jobs
from rmixer.data.prepare import prepare
from rmixer.hardware.machine import Gpu
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.model_profile.profile_files import read_profile, write_profile
from rmixer.testing.made_up import make_machine
from rmixer.workload.workload import job_of
from sim.demand.segments import step_segments

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU"),
]
JOB = dataclasses.replace(job_of("criteo_dlrm"), rows_cap=1000)


@pytest.fixture(scope="module")
def profile(rmixer_home: None) -> ModelProfile:
    prepare("criteo_kaggle", "synthetic")
    cores = limits.usable_cores()[:2]
    (found, *_) = gpus(None)  # type: ignore[arg-type]
    machine = make_machine(cores=len(cores))
    machine = dataclasses.replace(machine, cores=cores, gpus=(Gpu(**found),))
    (profiled,) = profile_jobs([JOB], machine, threads=(1,), plan=Plan(seconds=2.0))
    assert isinstance(profiled, ModelProfile), profiled
    return profiled


def test_every_lane_closes(profile: ModelProfile) -> None:
    """Within what no profile may miss, and the rounds' own noise."""
    gpu = profile.step("gpu", 1)
    assert gpu.measurement
    assert set(gpu.closure) == {"cpu", "gpu", "link"}
    for lane in ("cpu", "gpu"):
        assert abs(gpu.closure[lane]) < 0.06 + 2 * gpu.measurement.half_width, lane


def test_operators_lie_on_the_gpu_and_the_batch_comes_by_the_link(profile: ModelProfile) -> None:
    device = [row for row in profile.operators if row.lane != "cpu"]
    copies = [row for row in device if row.phase == "copy"]
    assert copies
    assert {row.lane for row in copies} == {"link"}
    for phase in ("forward", "backward", "optimizer"):
        assert any(row.lane == "gpu" for row in device if row.phase == phase)
    assert all(row.host_us > 0 for row in device)
    products = [row for row in device if row.operator == "aten::mm" and row.phase == "backward"]
    assert products
    assert all(row.forward_index >= 0 and row.flops > 0 for row in products)


def test_products_are_those_of_the_cpu(profile: ModelProfile) -> None:
    flops = {
        lane: sum(
            row.flops
            for row in profile.operators
            if row.lane == lane and row.operator in ("aten::linear", "aten::mm", "aten::bmm")
        )
        for lane in ("cpu", "gpu")
    }
    assert flops["gpu"] == flops["cpu"]


def test_memory_has_a_context_and_holds_what_the_step_holds(profile: ModelProfile) -> None:
    cpu, gpu = profile.memory
    assert gpu.parameter_bytes == cpu.parameter_bytes
    assert gpu.context_bytes is not None
    assert 50 << 20 < gpu.context_bytes < 4 << 30
    parts = (gpu.parameter_bytes, gpu.optimizer_bytes, gpu.activation_bytes, gpu.context_bytes)
    assert gpu.peak_bytes >= sum(part or 0 for part in parts)


def test_it_is_kept_and_simulated(tmp_path: Path, profile: ModelProfile) -> None:
    write_profile(tmp_path / "profile", profile)
    read = read_profile(tmp_path / "profile")
    gpu = read.step("gpu", 1)
    step = step_segments(read, "gpu", 1)
    assert step.solo_s == pytest.approx((gpu.mean_us + gpu.stall_us) * 1e-6)
    assert step.gpu_s < step.solo_s
