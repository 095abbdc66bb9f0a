"""The recorded profiles of a real GPU: what a GPU's profile must be, whoever measured it."""

from __future__ import annotations

import statistics

import pytest

from experiments.bench.findings import RMIXER
from profiles.stored.store import RECORDED, Store
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.models.registry import MODELS
from rmixer.workload.cost_identity import is_present
from sim.demand.segments import step_segments, two_clocks_s

MACHINE = "h100-16c"
KEYS = sorted(path.name for path in (RECORDED / MACHINE).iterdir() if path.is_dir())
PRODUCTS = ("aten::linear", "aten::mm", "aten::bmm", "aten::addmm")


@pytest.fixture(params=KEYS)
def profile(request: pytest.FixtureRequest) -> ModelProfile:
    found = Store().find(MACHINE, request.param)
    assert found is not None
    return found


def test_there_are_all_of_rmixers_and_one_more() -> None:
    profiles = Store().profiles(MACHINE)
    assert {name for name in MODELS if name.startswith(RMIXER)} | {"rm1"} == {
        profile.identity.model for profile in profiles
    }
    assert all(p.origin == "measured" and is_present(p.identity) for p in profiles)
    (gpu,) = Store().machine(MACHINE).gpus
    assert "H100" in gpu.name
    assert (gpu.matmul_gflops or 0) > 10_000


def test_the_batch_comes_by_the_link_and_work_is_on_the_gpu(profile: ModelProfile) -> None:
    rows = [row for row in profile.operators if row.lane != "cpu"]
    copies = [row for row in rows if row.phase == "copy"]
    assert copies
    assert {row.lane for row in copies} == {"link"}
    for phase in ("forward", "backward", "optimizer"):
        assert any(row.lane == "gpu" for row in rows if row.phase == phase)
    assert sum(row.host_us > 0 for row in rows) >= 0.99 * len(rows)  # 0: all of it the profiler's
    assert any(row.forward_index >= 0 and row.flops > 0 for row in rows if row.phase == "backward")


def test_matrix_products_are_those_of_the_cpu(profile: ModelProfile) -> None:
    flops = {
        lane: sum(
            row.flops for row in profile.operators if row.lane == lane and row.operator in PRODUCTS
        )
        for lane in ("cpu", "gpu")
    }
    assert flops["gpu"] == flops["cpu"] > 0


def test_memory_has_a_context_and_what_the_step_holds(profile: ModelProfile) -> None:
    cpu, gpu = profile.memory
    assert gpu.parameter_bytes == cpu.parameter_bytes
    assert gpu.context_bytes is not None
    assert 50 << 20 < gpu.context_bytes < 4 << 30
    parts = (gpu.parameter_bytes, gpu.gradient_bytes, gpu.optimizer_bytes, gpu.context_bytes)
    assert gpu.peak_bytes >= sum(part or 0 for part in parts)


def test_the_gpu_idles_most_of_the_time() -> None:
    """As RMixer's authors saw it: at 7%, of one job alone. DIFM has the largest batch, 2000."""
    found = {p.identity.model: p.utilisation["gpu"] for p in Store().profiles(MACHINE)}
    assert 0.05 < statistics.median(found.values()) < 0.15
    assert max(found, key=lambda model: found[model]) == "criteo_difm"
    assert all(0.02 < busy < 0.6 for busy in found.values())


def test_its_step_is_simulated_as_long_as_it_was(profile: ModelProfile) -> None:
    cost = profile.step("gpu", 1)
    step = step_segments(profile, "gpu", 1)
    assert two_clocks_s(step.segments) == pytest.approx((cost.mean_us + cost.stall_us) * 1e-6)
    assert 0 < step.gpu_s < step.solo_s
