"""Predictions for a machine that is supposed: all of it is used, and all assumed is said."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.stages.inputs import inputs_of
from experiments.stages.layouts import choose_layout
from experiments.stages.supposed import supposed
from profiles.stored.store import Store
from rmixer.errors import InputError
from rmixer.hardware.machine import Gpu, Machine
from rmixer.hardware.what_if import WhatIf
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.policies import make_policy
from rmixer.scheduling.problem import Problem
from rmixer.scheduling.step_times import Member, Mix
from rmixer.scheduling.wanted_slots import Wanted
from rmixer.testing.made_up import (
    by_key,
    make_job,
    make_machine,
    make_operator,
    make_profile,
    make_step,
    make_workload,
)
from sim.job_level.simulate import simulate
from sim.operator_level.operator_level import OperatorLevel
from sim.simple_step_times.mean_demand import MeanDemand

MODELS = ("criteo_dlrm", "amazon_din", "criteo_difm")
JOBS = [make_job(f"job-{i}", MODELS[i % 3], steps=200) for i in range(12)]


def h100(what_if: WhatIf, home: Path) -> tuple[Problem, list[str]]:
    said: list[str] = []
    store = Store(home)
    workload = make_workload(*JOBS)
    return inputs_of(workload, "h100-16c", store, said.append, what_if=what_if), said


@pytest.fixture(scope="module")
def four_gpus(tmp_path_factory: pytest.TempPathFactory) -> Problem:
    return h100(WhatIf(gpus=4), tmp_path_factory.mktemp("home"))[0]


@pytest.mark.parametrize("policy", ["dySequ@dyWork", "carma_magm", "lpt"])
def test_every_gpu_that_is_supposed_gets_jobs(policy: str, four_gpus: Problem) -> None:
    chosen = make_policy(policy, 0)
    layout = choose_layout(four_gpus, chosen, Wanted(gpu_slots=(2,)))
    step_times = MeanDemand(four_gpus.profiles, four_gpus.machine)
    run = simulate(four_gpus, chosen, layout, step_times, level="job")
    jobs = Counter(job.device for job in run.summary.jobs)
    assert set(jobs) == {"gpu:0", "gpu:1", "gpu:2", "gpu:3"}
    assert sum(jobs.values()) == len(JOBS)


def test_like_mixes_on_two_gpus_step_alike(four_gpus: Problem) -> None:
    din, difm = four_gpus.jobs[1].key, four_gpus.jobs[2].key

    def pair(device: str, core: int) -> tuple[Member, Member]:
        members = (Member(key, "train", device, (core + i,)) for i, key in enumerate((din, difm)))
        return tuple(members)  # type: ignore[return-value]

    step_times = OperatorLevel(four_gpus.profiles, four_gpus.machine)
    alone = step_times.unit_s(Mix(pair("gpu:0", 0)))
    elsewhere = step_times.unit_s(Mix(pair("gpu:3", 8)))
    both = step_times.unit_s(Mix((*pair("gpu:0", 0), *pair("gpu:2", 4))))
    assert elsewhere == alone
    assert both[:2] == both[2:]


def test_a_gain_is_said_and_the_makespan_has_it(tmp_path: Path) -> None:
    """On a GPU twice as fast a job gains no more than two times, and none is slower."""
    makespans = {}
    for speed in (None, 2.0):
        problem, said = h100(WhatIf(gpu_speed=speed), tmp_path)
        chosen = make_policy("sequential", 0)
        layout = choose_layout(problem, chosen, Wanted())
        times = MeanDemand(problem.profiles, problem.machine)
        makespans[speed] = simulate(problem, chosen, layout, times, level="job").summary.makespan_s
        assert len([line for line in said if line.startswith("what if: ")]) == (2 if speed else 0)
    assert "steps alone become 1.00 (" in said[-1]
    assert 1.0 < makespans[None] / makespans[2.0] < 2.0


def bubbles(*stream: float, device: str = "cpu") -> ModelProfile:
    step = make_step(
        device,  # type: ignore[arg-type]
        compute_slowdown=(1.0,) * len(stream),
        stream_slowdown=stream,
        pressure=1.0,
    )
    return make_profile(steps=[step], operators=[make_operator(10_000.0)])


def test_steps_beside_more_cores_are_slowed_further(tmp_path: Path) -> None:
    machine = make_machine(cores=3)
    profiles = by_key(bubbles(1.2, 1.5))
    said: list[str] = []
    found, changed = supposed(WhatIf(cores=5), machine, profiles, said.append)
    assert (found.name, len(found.cores)) == ("made-up+cores=5", 5)
    (profile,) = changed.values()
    assert profile.steps[0].stream_slowdown == pytest.approx((1.2, 1.5, 1.8, 2.1))
    assert said[0] == "what if: made-up+cores=5 is simulated; it was never measured"
    assert "at most 0.3 of a step a core (criteo_dlrm-" in said[-1]


def test_steps_of_which_nothing_was_measured_are_named() -> None:
    said: list[str] = []
    profiles = by_key(make_profile(steps=[make_step(threads=2)]))
    supposed(WhatIf(cores=4), make_machine(cores=2), profiles, said.append)
    assert said[-1].startswith("what if: steps with 2 threads, of which no slow-down was measured")


def test_nothing_supposed_changes_and_says_nothing() -> None:
    machine, profiles = make_machine(cores=2), by_key(bubbles(1.2))
    said: list[str] = []
    found, same = supposed(WhatIf(), machine, profiles, said.append)
    assert (found, same, said) == (machine, profiles, [])


def with_gpu(machine: Machine) -> Machine:
    return replace(machine, gpus=(Gpu("made up", 1 << 34, 100),))


@pytest.mark.parametrize(
    "what_if", [WhatIf(gpus=2), WhatIf(gpu_speed=2.0), WhatIf(gpu_memory_gib=8.0)]
)
def test_gpus_that_no_profile_knows_are_refused(what_if: WhatIf) -> None:
    with pytest.raises(InputError, match=r"no profile of criteo_dlrm-.* on a GPU"):
        supposed(what_if, with_gpu(make_machine()), by_key(bubbles(1.2)), print)


def test_no_gpu_at_all_can_be_supposed_of_any() -> None:
    found, _ = supposed(WhatIf(gpus=0), with_gpu(make_machine()), by_key(bubbles(1.2)), print)
    assert found.gpus == ()
