"""What becomes of a model that was measured on the CPU and on a GPU, by hand."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from gpu_steps import CALLS, marked_steps
from made_up_rounds import rounds_of

from profiles.assembling.assemble import Found, assemble
from profiles.assembling.job_type import check_gpus
from profiles.measurements.phases import PhaseTimes
from profiles.measurements.rounds import Plan
from profiles.profiler.duration import profiling_seconds
from profiles.stored.store import Store
from profiles.traces.device_steps import device_steps
from profiles.traces.profiler_events import INPUT_MARK, Called
from rmixer.errors import InputError
from rmixer.hardware.machine import Gpu
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.model_profile.profile_files import read_profile, write_profile
from rmixer.testing.made_up import make_job, make_machine, make_operator, make_profile, make_step
from sim.demand.segments import step_segments

GPU = Gpu("made up", 1 << 34, 100, bandwidth_gbps=2.0, matmul_gflops=3.0)
MACHINE = replace(make_machine(cores=2), gpus=(GPU,))
STEP_S, STEP_US = 964e-6, pytest.approx(964.0)
SIZES = {"parameter_bytes": 8, "gradient_bytes": 4, "optimizer_bytes": 16}
CPU_CALLS = [Called(INPUT_MARK, 0.0, phase="input"), Called("aten::mm", 0.0, phase="forward")]


def on_cpu() -> Found:
    """A step of a millisecond: 100 us of input, 900 of a product."""
    block = {
        "names": [call.name for call in CPU_CALLS],
        "durations": np.array([[100.0, 900.0]]),
        "gaps": np.zeros((1, 2)),
        "events": np.array([1, 1]),
        "events_before": np.array([0, 0]),
    }
    return Found(
        threads=1,
        idle_bytes=100,
        phases=PhaseTimes(0.5, 0.1, 0.2, (1e-3,) * 5, 1000),
        ready={"sizes": SIZES},
        structure={"calls": CPU_CALLS, "peak_bytes": 64},
        passes=[rounds_of([0.05] * 2, [[1e-3] * 5] * 4, [block] * 2, event_us=[0.0] * 2)],
    )


def on_gpu(folder: Path) -> Found:
    """Steps as in ``gpu_steps``, of which the profiler made 1000 of 964 us."""
    block = device_steps(marked_steps(folder), skipped=1)
    return Found(
        threads=1,
        device="cuda:0",
        idle_bytes=500,
        phases=PhaseTimes(0.6, 0.1, 0.2, (STEP_S,) * 5, 2000),
        ready={"sizes": SIZES},
        structure={"calls": CALLS, "peak_bytes": 44},
        passes=[rounds_of([0.05] * 2, [[STEP_S] * 5] * 4, [block] * 2, event_us=[2.0] * 2)],
    )


@pytest.fixture
def profile(tmp_path: Path) -> ModelProfile:
    return assemble(make_job(), MACHINE, [on_cpu(), on_gpu(tmp_path)], 0.05)


def test_one_profile_has_a_step_on_each(profile: ModelProfile) -> None:
    assert [(step.device, step.threads) for step in profile.steps] == [("cpu", 1), ("gpu", 1)]
    cpu, gpu = profile.steps
    assert (cpu.mean_us, gpu.mean_us) == (pytest.approx(1000.0), STEP_US)
    assert (cpu.build_s, gpu.build_s) == (0.5, 0.6)
    assert cpu.closure == {"cpu": pytest.approx(0.0)}


def test_a_gpus_step_closes_on_each_lane(profile: ModelProfile) -> None:
    gpu = profile.step("gpu", 1)
    assert gpu.closure == {lane: pytest.approx(0.0) for lane in ("cpu", "gpu", "link")}
    assert gpu.scale == {lane: pytest.approx(1.0) for lane in ("cpu", "gpu", "link")}


def test_rows_of_the_cpu_are_those_of_its_own_step(profile: ModelProfile) -> None:
    """Work and intensity of the model are the CPU's; the GPU's is not added to it."""
    lanes = [row.lane for row in profile.operators]
    assert lanes == ["cpu", "cpu", "link", "gpu", "link", "gpu", "gpu"]
    assert (profile.flops, profile.bytes) == (0, 0)


def test_how_busy_a_gpu_is_and_what_the_job_is_on_it(profile: ModelProfile) -> None:
    """70 us of work in 964; 7% is low."""
    assert profile.utilisation["gpu"] == pytest.approx(70 / 964)
    assert profile.job_type["gpu"] == "low"
    assert set(profile.costs()) == {"cpu", "gpu"}


def test_memory_of_each_device(profile: ModelProfile) -> None:
    """A GPU's peak is what the allocator took and the context."""
    cpu, gpu = profile.memory
    assert (cpu.device, cpu.context_bytes, cpu.peak_bytes) == ("cpu", 100, 1000)
    assert (gpu.device, gpu.context_bytes, gpu.peak_bytes) == ("gpu", 500, 2500)
    assert gpu.activation_bytes == 44 - 4


def test_it_is_read_as_it_was_written(tmp_path: Path, profile: ModelProfile) -> None:
    """The host's gaps are columns where a GPU's operators have them, and only there."""
    write_profile(tmp_path / "both", profile)
    header = (tmp_path / "both" / "operators.csv").read_text().partition("\n")[0]
    assert header.endswith("gap_before_us,host_us,t1_us,t2_us,t3_us,t4_us,t5_us,wait_us")
    read = read_profile(tmp_path / "both")
    for mine, theirs in zip(profile.operators, read.operators, strict=True):
        assert asdict(theirs) == pytest.approx(asdict(mine), abs=5.1e-4)
    assert replace(read, operators=()) == replace(profile, operators=())
    cpu = replace(profile, steps=profile.steps[:1], operators=profile.operators[:2])
    write_profile(tmp_path / "one", replace(cpu, memory=cpu.memory[:1]))
    header = (tmp_path / "one" / "operators.csv").read_text().partition("\n")[0]
    assert header.endswith("gap_before_us,host_us")


def test_the_simulator_walks_it(profile: ModelProfile) -> None:
    """The input is the CPU step's 100 us instead of 7; the GPU is busy as measured, and 1 us of
    launching a row, all brought to the step."""
    whole = step_segments(profile, "gpu", 1, limit=None)
    assert whole.solo_s == pytest.approx(STEP_S)
    host_us = 100 + (670 + 9 + 9 + 38 + 82) + (27 + 33 + 52 + 17 + 17)
    assert whole.gpu_s / whole.host_s == pytest.approx((70 + 3) / host_us, rel=1e-3)


def test_a_model_of_which_the_gpus_step_is_unknown_is_missing(tmp_path: Path) -> None:
    """But on a machine without one it is not."""
    store, job = Store(own=tmp_path, recorded=tmp_path / "none"), make_job()
    rows = [make_operator(1.0), make_operator(1.0, lane="gpu")]
    both = make_profile(steps=[make_step(), make_step("gpu")], operators=rows)
    store.save(make_profile(operators=rows[:1]))
    assert store.load([job], MACHINE, (1,))[1] == [job]
    assert store.load([job], replace(MACHINE, gpus=()), (1,))[1] == []
    store.save(both)
    assert store.load([job], MACHINE, (1,))[1] == []


def test_one_that_the_gpu_does_not_hold_is_known_without(tmp_path: Path) -> None:
    store, job = Store(own=tmp_path, recorded=tmp_path / "none"), make_job()
    alone = make_profile(operators=[make_operator(1.0)])
    store.save(replace(alone, does_not_fit=("gpu",)))
    assert store.load([job], MACHINE, (1,))[1] == []
    assert store.load([job], MACHINE, (1, 2))[1] == [job]


def test_rates_of_a_gpu_must_be_known_before() -> None:
    check_gpus(MACHINE)
    with pytest.raises(InputError, match=r"gpus\.0: found no rates; .*machine --again"):
        check_gpus(make_machine(gpus=1))


def test_a_gpu_takes_its_time_too() -> None:
    """As long as the CPU, and its start; without spare cores there is no sweep."""
    plan = Plan(seconds=6.0)
    assert profiling_seconds(2, (1,), plan, on_gpu=True) == 2 * (9 + 24 + 10) + 15
    assert profiling_seconds(2, (2,), plan, on_gpu=True) == 2 * (9 + 24) + 15
