"""One real, small profile: not how long things took, but that all is there and adds up."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import pytest

from profiles.machines import limits
from profiles.measurements.phases import MEASURED_STEPS
from profiles.measurements.rounds import Plan
from profiles.profiler.profile_jobs import profile_jobs
from rmixer.data.prepare import prepare
from rmixer.errors import RunFailed
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.model_profile.profile_files import read_profile, write_profile
from rmixer.operators.operator_cost import OperatorCost
from rmixer.testing.made_up import make_machine
from rmixer.training.step import TrainingStep
from rmixer.user_code.own_module import find_own_model
from rmixer.workload.workload import Job, job_of

BATCH = 16
JOB = dataclasses.replace(job_of("criteo_dlrm"), rows_cap=1000, batch=BATCH)
FAILS_BESIDE_OTHERS = """
import sys
import torch
from rmixer.own_model import OwnModel

blocks = []

def loss(net, batch):
    frame = sys._getframe()
    while frame is not None and frame.f_code.co_name != "plain":
        frame = frame.f_back
    if frame is not None and frame not in blocks:
        blocks.append(frame)  # of the first it is known how long it takes alone
    if len(blocks) == 2:
        raise LookupError("not beside anybody")
    return net(batch).square().mean()

def build(job):
    net = torch.nn.Linear(3, 1)
    batches = [torch.rand(job.batch, 3)]
    return OwnModel(net, batches, loss, torch.optim.SGD(net.parameters(), lr=job.lr))
"""
BOTTOM = (13, 512, 256, 64, 16)
TOP = (27 * 26 // 2 + 16, 512, 256, 1)


@pytest.fixture(scope="module")
def machine() -> Machine:
    """Made up, but for its cores: up to two of this one's."""
    cores = limits.usable_cores()[:2]
    return dataclasses.replace(make_machine(cores=len(cores)), cores=cores)


@pytest.fixture(scope="module")
def both(
    machine: Machine, rmixer_home: None, tmp_path_factory: pytest.TempPathFactory
) -> list[ModelProfile | RunFailed]:
    """A model that fails beside a neighbour, where a core is left for one, and after it the job."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "beside_net.py").write_text(FAILS_BESIDE_OTHERS)
    own = find_own_model("beside_net:build", folder, folder, "model")
    root = {"module_root": str(own.root), "source": own.source}
    fails = Job("own", "beside_net:build", 20, BATCH, "sgd", 0.1, seed=0, **root)
    prepare("criteo_kaggle", "synthetic")
    plan = Plan(least_rounds=1, seconds=0.1, sweep_seconds=2.0)
    return list(profile_jobs([fails, JOB], machine, threads=(1,), plan=plan))


@pytest.fixture(scope="module")
def profile(both: list[ModelProfile | RunFailed]) -> ModelProfile:
    assert isinstance(both[1], ModelProfile), both[1]
    return both[1]


def test_one_that_failed_while_neighbours_worked_costs_no_other(
    both: list[ModelProfile | RunFailed], profile: ModelProfile, machine: Machine
) -> None:
    if len(machine.cores) < 2:
        pytest.skip("no core is left for a neighbour")
    failed = both[0]
    assert isinstance(failed, RunFailed)
    assert failed.reason == "LookupError: not beside anybody"
    assert "beside_net.py" in str(failed)
    assert profile.steps[0].compute_slowdown


def linear_flops(sizes: tuple[int, ...]) -> int:
    """Of one forward pass through layers of these sizes."""
    return sum(2 * BATCH * left * right for left, right in itertools.pairwise(sizes))


def of_phase(profile: ModelProfile, phase: str) -> list[OperatorCost]:
    return [cost for cost in profile.operators if cost.phase == phase]


def test_it_says_what_was_profiled_and_where(profile: ModelProfile, machine: Machine) -> None:
    assert profile.identity == JOB.identity
    assert profile.machine == machine.name
    assert profile.origin == "measured"
    assert 0 <= profile.warmup_steps <= MEASURED_STEPS
    assert [(step.device, step.threads) for step in profile.steps] == [("cpu", 1)]
    assert set(profile.costs()) == {"cpu"}


def test_operators_are_in_order_phase_after_phase(profile: ModelProfile) -> None:
    """There is nothing to copy on the CPU."""
    assert [cost.index for cost in profile.operators] == list(range(len(profile.operators)))
    phases = [phase for phase, _ in itertools.groupby(cost.phase for cost in profile.operators)]
    assert phases == ["input", "forward", "backward", "optimizer"]
    assert [cost.operator for cost in of_phase(profile, "input")] == ["input"]
    assert {(cost.lane, cost.threads, cost.host_us) for cost in profile.operators} == {
        ("cpu", 1, 0.0)
    }


def test_flops_of_the_layers_are_those_of_their_sizes(profile: ModelProfile) -> None:
    """Forward 2 x batch x in x out; backward twice that, but the first layer's inputs need no
    gradient."""
    forward = sum(c.flops for c in of_phase(profile, "forward") if c.operator == "aten::linear")
    assert forward == linear_flops(BOTTOM) + linear_flops(TOP)
    backward = sum(c.flops for c in of_phase(profile, "backward") if c.operator == "aten::mm")
    assert backward == 2 * forward - linear_flops(BOTTOM[:2])


def test_backward_operators_are_tied_to_their_forward_operators(profile: ModelProfile) -> None:
    for cost in of_phase(profile, "backward"):
        if cost.forward_index >= 0:
            forward = profile.operators[cost.forward_index]
            assert forward.phase == "forward"
            assert forward.module == cost.module
    products = {
        cost.index: cost.module
        for cost in of_phase(profile, "forward")
        if cost.operator == "aten::linear"
    }
    assert len(products) == len(BOTTOM) + len(TOP) - 2
    assert all(products.values())
    tied = [c.forward_index for c in of_phase(profile, "backward") if c.operator == "aten::mm"]
    assert sorted(tied) == sorted([*products, *products])[1:]  # one only for the first layer
    others = [c for c in profile.operators if c.phase != "backward"]
    assert {cost.forward_index for cost in others} == {-1}


def test_a_look_up_touches_the_rows_of_the_batch(profile: ModelProfile) -> None:
    (lookup,) = (
        cost for cost in of_phase(profile, "forward") if cost.operator == "aten::index_select"
    )
    assert lookup.written_bytes == BATCH * 26 * 16 * 4


def test_the_optimizer_walks_the_dense_parameters(profile: ModelProfile) -> None:
    layers = [*itertools.pairwise(BOTTOM), *itertools.pairwise(TOP)]
    dense = sum(left * right + right for left, right in layers)
    assert dense == 475_985
    (fused,) = (c for c in profile.operators if c.operator == "aten::_fused_adam_")
    assert fused.flops == 13 * dense
    assert (fused.read_bytes, fused.written_bytes) == (16 * dense, 12 * dense)


def test_operators_and_gaps_scaled_are_the_mean_step(profile: ModelProfile) -> None:
    (step,) = profile.steps
    total_us = sum(cost.mean_us + cost.gap_before_us for cost in profile.operators)
    assert total_us * step.scale["cpu"] == pytest.approx(step.mean_us + step.stall_us, rel=1e-9)
    assert step.closure["cpu"] == pytest.approx(total_us / step.mean_us - 1, rel=1e-9, abs=1e-9)
    for cost in profile.operators:
        assert 0 <= cost.p10_us <= cost.p50_us <= cost.p90_us
        assert cost.gap_before_us >= 0


def test_memory_is_split_as_the_step_holds_it(profile: ModelProfile, rmixer_home: None) -> None:
    step = TrainingStep(JOB)
    step.run()
    (memory,) = profile.memory
    held = {name: getattr(memory, name) for name in step.bytes_by_use()}
    assert held == step.bytes_by_use()
    assert memory.activation_bytes > BATCH * sum(BOTTOM) * 4
    assert memory.peak_bytes > memory.context_bytes > sum(held.values())


def test_totals_are_those_of_the_operators(profile: ModelProfile) -> None:
    assert profile.flops == sum(cost.flops for cost in profile.operators)
    moved = sum(cost.read_bytes + cost.written_bytes for cost in profile.operators)
    assert profile.bytes == moved
    assert profile.intensity == profile.flops / moved
    assert profile.bandwidth_gbps == pytest.approx(moved / profile.steps[0].mean_us / 1e3)


def test_neighbours_were_tried_on_the_cores_left_over(
    profile: ModelProfile, machine: Machine
) -> None:
    (step,) = profile.steps
    assert len(step.compute_slowdown) == len(step.stream_slowdown) == len(machine.cores) - 1
    assert all(value >= 1 for value in (*step.compute_slowdown, *step.stream_slowdown))


def test_input_is_known_apart(profile: ModelProfile) -> None:
    assert 0 < (profile.input_bound(1) or 0.0) < 1
    assert profile.input_bound(7) is None


def test_it_is_read_back_as_it_was_written(profile: ModelProfile, tmp_path: Path) -> None:
    """Times of operators to a nanosecond."""
    write_profile(tmp_path / "first", profile)
    read = read_profile(tmp_path / "first")
    assert dataclasses.replace(read, operators=()) == dataclasses.replace(profile, operators=())
    for mine, theirs in zip(profile.operators, read.operators, strict=True):
        assert dataclasses.asdict(theirs) == pytest.approx(dataclasses.asdict(mine), abs=5.1e-4)
    write_profile(tmp_path / "second", read)
    for name in ("operators.csv", "summary.json"):
        assert (tmp_path / "first" / name).read_text() == (tmp_path / "second" / name).read_text()


@pytest.mark.thorough
@pytest.mark.usefixtures("passes")
def test_sizes_in_turn_are_what_they_are_and_one_that_fails_costs_no_other(
    machine: Machine, rmixer_home: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No batch is of no samples. Steps are taken to be slow, and told to be. One's rate of learning
    is beyond all measure."""
    monkeypatch.setattr(
        "profiles.profiler.job_in_profiling.slow_step_seconds", lambda step_s, spare, plan: 70.0
    )
    prepare("criteo_kaggle", "synthetic")
    jobs = [dataclasses.replace(JOB, batch=batch) for batch in (BATCH, 0, 8 * BATCH)]
    jobs[2] = dataclasses.replace(jobs[2], lr=1e30)
    told: list[str] = []
    plan = Plan(least_rounds=1, seconds=0.1, neighbours=False)
    small, failed, large = profile_jobs(jobs, machine, (1,), plan, told.append)
    assert isinstance(failed, RunFailed)
    assert isinstance(small, ModelProfile)
    assert isinstance(large, ModelProfile)
    for job, found in ((jobs[0], small), (jobs[2], large)):
        assert found.identity == job.identity
        assert found.steps[0].measurement
        assert found.steps[0].measurement.rounds >= 1
        (linear, *_) = (cost for cost in found.operators if cost.operator == "aten::linear")
        assert linear.flops == 2 * job.batch * BOTTOM[0] * BOTTOM[1]
    if told[0].startswith("other programs have "):  # as where tests run side by side
        del told[0]
    assert told[0] == f"criteo_dlrm, batch {BATCH}, 0, {8 * BATCH}, 1 thread(s)"
    assert all(words.startswith("criteo_dlrm, batch ") for words in told)
    slow = [
        words for words in told if words.endswith("with 1 thread(s) this takes about 70 s more")
    ]
    assert len(slow) == 2
    (lost,) = (words for words in told if "its loss became" in words)
    assert lost.startswith(f"criteo_dlrm, batch {8 * BATCH}: its loss became ")
