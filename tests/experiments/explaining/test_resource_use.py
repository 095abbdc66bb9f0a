"""What a schedule uses over time: two jobs on a GPU and one on the CPU, by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from experiments.explaining.resource_use import ResourceUse, read_use, resource_use, write_use
from rmixer.errors import InputError
from rmixer.policies import make_policy
from rmixer.run_record.timeline import Interval, Timeline
from rmixer.scheduling.layout import Cut, DeviceSlots, Layout
from rmixer.scheduling.problem import Problem, problem_of
from rmixer.testing.made_up import (
    GIB,
    by_key,
    make_job,
    make_machine,
    make_operator,
    make_profile,
    make_step,
    make_workload,
)
from sim import OperatorLevel, Uncontended
from sim.job_level.simulate import SimulatedRun, simulate

MACHINE = make_machine(cores=4, gpus=1)


def on_gpu() -> Problem:
    """Jobs whose steps of 10 ms alone keep the GPU busy for 4 ms; building takes 1 s."""
    profile = make_profile(
        steps=[make_step("gpu", 2, build_s=1.0)],
        operators=[make_operator(4000.0, lane="gpu", threads=2, host_us=1.0)],
        utilisation={"gpu": 0.4},
        peak_bytes=2 * GIB,
    )
    jobs = make_workload(make_job("a", steps=100), make_job("b", steps=300))
    return problem_of(jobs, MACHINE, by_key(profile))


def run(problem: Problem, layout: Layout) -> SimulatedRun:
    return simulate(problem, make_policy("lpt"), layout, Uncontended(problem.profiles))


def use_of(problem: Problem, layout: Layout) -> ResourceUse:
    found = run(problem, layout)
    return resource_use(problem, layout, found.timeline, found.summary)


def test_two_jobs_side_by_side() -> None:
    """Both build for 1 s on one core, then train with two threads: a for 1 s, b for 3 s."""
    found = use_of(on_gpu(), Cut(gpu_slots=2, gpu_threads=2).layout(MACHINE))
    assert found.edges_s.tolist() == pytest.approx([0.0, 1.0, 2.0, 4.0])
    assert found.cores.tolist() == [2.0, 4.0, 2.0]
    assert found.gpus["gpu:0"].tolist() == pytest.approx([0.0, 0.8, 0.4])
    assert found.memory_bytes["gpu:0"].tolist() == [4 * GIB, 4 * GIB, 2 * GIB]
    assert "cpu:0" not in found.memory_bytes
    assert found.mean(found.cores) == pytest.approx((2 + 4 + 2 * 2) / 4)


def test_the_mean_is_the_busy_share_of_the_summary() -> None:
    problem = on_gpu()
    layout = Cut(gpu_slots=1, gpu_threads=2).layout(MACHINE)
    simulated = run(problem, layout)
    use = resource_use(problem, layout, simulated.timeline, simulated.summary)
    busy = {device.name: device.busy_fraction for device in simulated.summary.devices}
    assert use.mean(use.gpus["gpu:0"]) == pytest.approx(busy["gpu:0"])
    assert use.mean(use.cores) / 4 == pytest.approx(busy["cpu:0"])


def test_a_core_that_is_shared_counts_once() -> None:
    machine = make_machine(cores=2)
    problem = problem_of(
        make_workload(*(make_job(name) for name in "abc")), machine, by_key(make_profile())
    )
    layout = Layout((DeviceSlots("cpu:0", slots=3, threads=1),), in_turn=True)
    found = simulate(problem, make_policy("lpt"), layout, OperatorLevel(problem.profiles, machine))
    use = resource_use(problem, layout, found.timeline, found.summary)
    assert use.cores[0] == 2.0
    assert use.memory_bytes["cpu:0"][0] == 3 * GIB


def test_a_gpu_of_which_a_job_tells_nothing_is_left_out() -> None:
    row = Interval("predicted", "a", 1, "m", "train", "gpu:0", 0, "gpu", 5.0, 2.0, 100.0)
    problem = problem_of(
        make_workload(make_job("a")),
        MACHINE,
        by_key(make_profile(steps=[make_step("gpu")], utilisation={})),
    )
    layout = Cut(gpu_slots=1).layout(MACHINE)
    summary = run(problem, layout).summary
    found = resource_use(problem, layout, Timeline([row]), summary)
    assert found.gpus == {}
    assert found.edges_s[0] == 0.0


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = use_of(on_gpu(), Cut(gpu_slots=2, gpu_threads=2).layout(MACHINE))
    write_use(tmp_path, written)
    read = read_use(tmp_path, ["gpu:0", "cpu:0"])
    assert read is not None
    assert np.allclose(read.edges_s, written.edges_s)
    assert np.allclose(read.gpus["gpu:0"], written.gpus["gpu:0"])
    assert read.memory_bytes.keys() == written.memory_bytes.keys()
    assert read_use(tmp_path / "nothing", ["cpu:0"]) is None
    (tmp_path / "use.csv").write_text("start_s,duration_s,cores\n0,one,2\n")
    with pytest.raises(InputError, match="line 2, duration_s"):
        read_use(tmp_path, ["cpu:0"])
