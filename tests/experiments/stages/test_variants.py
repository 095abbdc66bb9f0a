"""What one more of something would bring: made-up runs whose makespans are known by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from made_up_programs import make_command_job

from experiments.explaining.explanation import Outlook
from experiments.run_files.run_folder import RunFolder
from experiments.run_files.sweep_file import SWEEP, SweepRow
from experiments.stages.half_batch import half_batch, halved_job
from experiments.stages.predicted_run import Known, PredictedRun
from experiments.stages.stand_in import EVALUATIONS, ByPolicy, decider_of
from experiments.stages.variants import outlook_of
from profiles.stored.store import Store
from rmixer.files.typed_files import write_json, write_yaml
from rmixer.hardware.machine import Machine
from rmixer.hardware.what_if import WhatIf
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.policies import make_policy
from rmixer.scheduling.layout import Cut, DeviceSlots, Layout
from rmixer.scheduling.problem import problem_of
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
from rmixer.workload.real_training import Evaluation, LrSchedule
from sim import OperatorLevel
from sim.job_level.simulate import simulate

ON_GPU = make_profile(
    steps=[make_step("cpu"), make_step("gpu")],
    operators=[make_operator(1000.0, lane="gpu", host_us=9000.0)],
    utilisation={"gpu": 0.1, "cpu": 1.0},
)


def predicted(
    path: Path,
    machine: Machine,
    layout: Layout,
    policy: str = "lpt",
    profile: ModelProfile | None = None,
) -> PredictedRun:
    """Twelve jobs of 1000 steps of 10 ms each."""
    jobs = make_workload(*(make_job(f"j-{i}", steps=1000) for i in range(12)))
    problem = problem_of(jobs, machine, by_key(profile or make_profile()))
    times = OperatorLevel(problem.profiles, machine)
    name = "lpt" if policy in ("search", "no.such:Policy") else policy
    found = simulate(problem, make_policy(name), layout, times)
    known = Known(problem, WhatIf(), Store(path / "own", path / "recorded"))
    summary = found.summary
    return PredictedRun(RunFolder(path), known, problem, policy, layout, found.timeline, summary)


def outlook(run: PredictedRun) -> Outlook:
    return outlook_of(run, decider_of(run), lambda _: None, lambda done, total: None)


def makespans(found: Outlook) -> dict[str, float | None]:
    return {each.what: each.makespan_s for each in found.variants}


def test_on_spare_cores_one_more_slot_helps_and_a_core_does_not(tmp_path: Path) -> None:
    """Twelve jobs of 10 s: on three slots 40 s, on four 30 s."""
    machine = make_machine(cores=8)
    found = outlook(predicted(tmp_path, machine, Cut(cpu_slots=3).layout(machine)))
    assert found.makespan_s == pytest.approx(40.0)
    slot, gpu, core, batch = found.variants
    assert slot.what == "one more slot on the CPU (CPU 4 × 1)"
    assert (slot.makespan_s, slot.change) == pytest.approx((30.0, -0.25))
    assert (gpu.what, gpu.why) == ("one more GPU", "the jobs of this run use no GPU")
    assert (core.what, core.why) == ("one more core", "5 of 8 cores have no slot yet")
    assert batch.makespan_s is None
    assert "criteo_dlrm at batch" in batch.why
    assert (found.policy, found.stand_in, found.level) == ("lpt", "", "job")


def test_where_all_cores_have_slots_one_more_core_makes_one(tmp_path: Path) -> None:
    machine = make_machine(cores=3)
    found = outlook(predicted(tmp_path, machine, Cut(cpu_slots=3).layout(machine)))
    said = makespans(found)
    assert said["one more core (4; CPU 4 × 1)"] == pytest.approx(30.0)
    assert found.variants[0].why == "3 of 3 cores have a slot, and it would need 4"


def test_one_core_is_no_slot_of_two_threads(tmp_path: Path) -> None:
    machine = make_machine(cores=4)
    profile = make_profile(steps=[make_step(threads=2)])
    run = predicted(tmp_path, machine, Cut(0, 2, 0, 2).layout(machine), profile=profile)
    core = next(each for each in outlook(run).variants if each.what == "one more core")
    assert core.why == "one core makes no slot of CPU 2 × 2"


def test_one_more_gpu_has_as_many_slots_as_the_cores_suffice_for(tmp_path: Path) -> None:
    """Three slots on a GPU take 3 of 5 cores: two GPUs have two slots each."""
    machine = make_machine(cores=5, gpus=1)
    run = predicted(tmp_path, machine, Cut(gpu_slots=3).layout(machine), profile=ON_GPU)
    said = makespans(outlook(run))
    after_s = said["one more GPU (2; GPU 2 × 1)"]
    assert after_s is not None
    assert 30.0 <= after_s < run.summary.makespan_s


def test_a_policy_that_cuts_the_machine_itself_is_asked_again(tmp_path: Path) -> None:
    machine = make_machine(cores=2)
    layout = Layout((DeviceSlots("cpu:0", slots=12, threads=1),), in_turn=True)
    found = outlook(predicted(tmp_path, machine, layout, "all_at_once"))
    assert found.makespan_s == pytest.approx(60.0, rel=0.01)
    assert makespans(found)["one more core (3)"] == pytest.approx(40.0, rel=0.02)
    assert found.variants[0].why == "all_at_once chooses its own slots"


def test_little_memory_is_doubled(tmp_path: Path) -> None:
    """Of four slots only two hold a job at a time until there is memory for four."""
    machine = make_machine(cores=4, memory_bytes=5 * GIB)
    profile = make_profile(peak_bytes=2 * GIB)
    layout = Cut(cpu_slots=4).layout(machine)
    found = outlook(predicted(tmp_path, machine, layout, profile=profile))
    assert found.makespan_s == pytest.approx(60.0)
    assert makespans(found)["twice the memory of the host (10 GiB)"] == pytest.approx(30.0)


def test_of_a_searched_schedule_each_variant_is_searched_again(tmp_path: Path) -> None:
    """Twelve jobs of 10 s: on two cores 60 s, on three 40 s; a search uses all of them."""
    write_yaml(tmp_path / "config.yaml", {"settings": {"search": {"objective": "makespan"}}})
    machine = make_machine(cores=2)
    run = predicted(tmp_path, machine, Cut(cpu_slots=2).layout(machine), "search")
    found = outlook(run)
    assert (found.policy, found.stand_in, found.searched) == ("search", "", EVALUATIONS)
    assert found.makespan_s == pytest.approx(60.0)
    assert makespans(found)["one more core (3)"] == pytest.approx(40.0)
    assert found.variants[0].why == "the search may use as many slots as there are cores"


@pytest.mark.thorough
def test_a_search_on_slots_that_were_given_is_repeated_on_one_more(tmp_path: Path) -> None:
    write_yaml(tmp_path / "config.yaml", {"settings": {"slots": {"--cpu-slots": "2"}}})
    machine = make_machine(cores=8)
    run = predicted(tmp_path, machine, Cut(cpu_slots=2).layout(machine), "search")
    found = outlook(run)
    assert found.makespan_s == pytest.approx(60.0)
    assert makespans(found)["one more slot on the CPU (CPU 3 × 1)"] == pytest.approx(40.0)
    core = next(each for each in found.variants if each.what == "one more core")
    assert core.why == "6 of 8 cores have no slot yet"


def test_where_no_policy_decided_the_best_of_the_sweep_stands_in(tmp_path: Path) -> None:
    policy = "no.such:Policy"
    machine = make_machine(cores=4)
    run = predicted(tmp_path, machine, Cut(cpu_slots=4).layout(machine), policy)
    without = decider_of(run)
    assert isinstance(without, ByPolicy)
    assert (without.policy, without.cut) == ("lpt", Cut(0, 4, 0, 1))
    assert without.why == f"{policy!r} cannot be asked again: lpt is used instead"
    rows = [
        SweepRow(policy, 0, 4, 0, 1, makespan_s=29.0),
        SweepRow("dySequ", 0, 2, 0, 1, makespan_s=60.0),
        SweepRow("lpt", 0, 1, 0, 1, makespan_s=120.0),
    ]
    write_json(tmp_path / SWEEP, rows)
    best = decider_of(run)
    assert (best.policy, best.cut) == ("dySequ", Cut(0, 2, 0, 1))
    found = outlook(run)
    assert found.makespan_s == pytest.approx(60.0)  # of the stand-in, as are all others
    assert makespans(found)["one more slot on the CPU (CPU 3 × 1)"] == pytest.approx(40.0)


def test_half_the_batch_with_profiles_of_some_jobs(tmp_path: Path) -> None:
    store = Store(tmp_path / "own", tmp_path / "recorded")
    jobs = [make_job("a", steps=1000, batch=64), make_job("b", "amazon_din", steps=1000, batch=64)]
    whole = by_key(make_profile(batch=64), make_profile("amazon_din", batch=64))
    problem = problem_of(make_workload(*jobs), make_machine(), whole)
    none = half_batch(problem, store, lambda _: None)
    assert none.jobs == ()
    assert none.why.startswith(
        "no profile, and not two at other batches: for criteo_dlrm at batch 32"
    )
    operators = [make_operator(6000.0)]
    store.save(make_profile(batch=32, steps=[make_step(mean_us=6000)], operators=operators))
    found = half_batch(problem, store, lambda _: None)
    assert found.jobs == ("a",)
    first, second = found.problem.jobs
    assert (first.job.batch, first.job.steps) == (32, 2000)
    assert first.profile.steps[0].mean_us == 6000
    assert (second.job.batch, second.job.steps) == (64, 1000)


def test_a_job_of_half_the_batch_sees_as_many_samples() -> None:
    job = replace(
        make_job(steps=100, batch=7),
        evaluate=Evaluation(every_steps=10, batches=20),
        lr_schedule=LrSchedule("linear", warmup_steps=10),
    )
    half = halved_job(job)
    assert half is not None
    assert (half.batch, half.steps) == (3, 234)
    assert abs(half.batch * half.steps - job.batch * job.steps) < 3
    assert half.evaluate == Evaluation(every_steps=23, batches=46)
    assert half.lr_schedule == LrSchedule("linear", warmup_steps=23)
    assert halved_job(make_job(batch=1)) is None
    assert halved_job(make_command_job()) is None
