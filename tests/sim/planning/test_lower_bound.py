"""The lower bound by hand, and against every schedule that anybody can make of small cases."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product

import pytest
from drawn_mixes import MACHINE as DRAWN_MACHINE
from drawn_mixes import profiles as drawn_profiles
from hypothesis import given, settings
from hypothesis import strategies as st
from quickstart_like import MODELS, profiles

from rmixer.errors import RunFailed
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.policies import make_policy
from rmixer.scheduling.layout import Cut, Layout
from rmixer.scheduling.problem import Problem, problem_of
from rmixer.testing.made_up import (
    GIB,
    by_key,
    make_job,
    make_machine,
    make_profile,
    make_step,
    make_workload,
)
from sim import OperatorLevel, Uncontended, simulate
from sim.planning.bound_program import CORES, GPU, GPU_SLACK, HOST_SLACK, LONGEST, SLOTS
from sim.planning.lower_bound import lower_bound
from sim.planning.moves import Order
from sim.planning.rough_times import RoughEvaluator, RoughTimes
from sim.planning.search import Searcher

POLICIES = ["dyMix", "dyType@dyWork", "lpt", "muri", "all_at_once", "static", "sequential", "mps"]
MACHINE = make_machine(cores=4, gpus=2, memory_bytes=64 * GIB, gpu_memory_bytes=64 * GIB)
PROFILES = profiles(gpu=True, cpu=True)
ROUGH, PRECISE = RoughTimes(PROFILES, MACHINE), OperatorLevel(PROFILES, MACHINE)
jobs = st.lists(st.tuples(st.sampled_from(sorted(MODELS)), st.integers(1, 400)), min_size=1)


def of_steps(counts: list[int], *steps: object, cores: int = 4, gpus: int = 0) -> Problem:
    """Jobs of one model, of so many steps."""
    made = make_profile(steps=list(steps), operators=[])  # type: ignore[arg-type]
    queue = [make_job(f"job-{i}", steps=count) for i, count in enumerate(counts)]
    return problem_of(make_workload(*queue), make_machine(cores, gpus), by_key(made))


def test_a_job_takes_its_time_alone() -> None:
    found = lower_bound(of_steps([100, 300], make_step(mean_us=10_000)))
    assert found.bound_s == pytest.approx(3.0)
    assert (found.held_by, found.job) == (LONGEST, "job-1")
    assert found.gap(3.3) == pytest.approx(0.1)


def test_no_jobs() -> None:
    assert lower_bound(of_steps([], make_step())).bound_s == 0.0


def test_cores_do_one_second_a_second() -> None:
    """Five jobs of 1 s on two cores, which do not slow each other."""
    found = lower_bound(of_steps([100] * 5, make_step(mean_us=10_000), cores=2))
    assert found.bound_s == pytest.approx(2.5 / (1 + HOST_SLACK), rel=1e-3)
    assert found.held_by == CORES


def test_the_faster_mode_counts() -> None:
    """Four jobs of 1 s with a thread, or of 0.4 s with two, on two cores: 1.6 s in turn."""
    steps = (make_step(mean_us=10_000), make_step(threads=2, mean_us=4_000))
    found = lower_bound(of_steps([100] * 4, *steps, cores=2))
    assert found.bound_s == pytest.approx(1.6 / (1 + HOST_SLACK), rel=1e-3)


def test_neighbours_cost() -> None:
    """Two jobs of 1 s take 1.5 s side by side, and 2 s in turn. The bound does not know that a busy
    core is a whole one: with half of the other it would be 1.45 s."""
    curves = {"compute_slowdown": (1.5,), "stream_slowdown": (1.5,), "pressure": 0.0}
    found = lower_bound(of_steps([100, 100], make_step(mean_us=10_000, **curves), cores=2))
    assert 1.45 <= found.bound_s <= 1.5


def test_a_gpu_does_one_thing_at_a_time() -> None:
    """Six jobs of 1 s, half of it on the GPU; two GPUs."""
    made = make_profile(
        steps=[make_step("gpu", mean_us=10_000, gpu_us=5_000, core_us=5_000)], operators=[]
    )
    queue = [make_job(f"job-{i}") for i in range(6)]
    given_problem = problem_of(make_workload(*queue), make_machine(16, gpus=2), by_key(made))
    found = lower_bound(given_problem)
    assert found.bound_s == pytest.approx(3 / 2 / (1 + GPU_SLACK), rel=1e-3)
    assert found.held_by == GPU


def test_slots_hold_their_jobs() -> None:
    three = of_steps([100] * 3, make_step(mean_us=10_000))
    one, two = (Cut(cpu_slots=slots).layout(three.machine) for slots in (1, 2))
    assert lower_bound(three, [one]).bound_s == pytest.approx(3.0)
    assert lower_bound(three, [one]).held_by == SLOTS
    assert lower_bound(three, [two]).bound_s == pytest.approx(1.5)
    assert lower_bound(three, [one, two]).bound_s == pytest.approx(1.5)


def test_a_job_is_in_one_mode() -> None:
    """Alone on the GPU it takes 1 s, and 1.5 s if the other job, of 1 s, is there as well; on the
    CPU 1.4 s. Divided over both it would be less."""
    beside = {"compute_slowdown": (2.0,) * 3, "stream_slowdown": (2.0,) * 3, "pressure": 0.0}
    flat = {"compute_slowdown": (1.0,) * 3, "stream_slowdown": (1.0,) * 3, "pressure": 0.0}
    either = make_profile(
        steps=[
            make_step("gpu", mean_us=10_000, gpu_us=1, core_us=9_999, **beside),
            make_step(mean_us=14_000, **flat),
        ],
        operators=[],
    )
    other = make_profile("amazon_din", [make_step(mean_us=10_000, **flat)], operators=[])
    queue = [make_job("either"), make_job("other", "amazon_din")]
    given_problem = problem_of(
        make_workload(*queue), make_machine(4, gpus=1), by_key(either, other)
    )
    found = lower_bound(given_problem)
    assert found.bound_s == pytest.approx(1.4, rel=0.01)


def test_of_durations_only_the_longest_and_slots_count() -> None:
    made = replace(make_profile(steps=[make_step(mean_us=10_000)]), origin="table")
    queue = [make_job(f"job-{i}") for i in range(5)]
    given_problem = problem_of(make_workload(*queue), make_machine(2), by_key(made))
    assert lower_bound(given_problem).bound_s == pytest.approx(1.0)
    layout = Cut(cpu_slots=2).layout(given_problem.machine)
    assert lower_bound(given_problem, [layout]).bound_s == pytest.approx(2.5)
    times = Uncontended(given_problem.profiles)
    makespan_s = simulate(given_problem, make_policy("lpt"), layout, times).summary.makespan_s
    assert makespan_s == pytest.approx(3.0)


def problem(drawn: list[tuple[str, int]]) -> Problem:
    queue = [make_job(f"job-{i}", model, steps=steps) for i, (model, steps) in enumerate(drawn)]
    return problem_of(make_workload(*queue), MACHINE, PROFILES)


cuts = st.builds(Cut, st.integers(0, 2), st.integers(0, 4), st.just(1), st.just(1)).filter(
    lambda cut: 0 < 2 * cut.gpu_slots + cut.cpu_slots <= 4
)


@settings(max_examples=25)
@given(drawn=jobs, name=st.sampled_from(POLICIES), cut=cuts, precise=st.booleans())
def test_no_policy_ends_before_it(
    drawn: list[tuple[str, int]], name: str, cut: Cut, precise: bool
) -> None:
    given_problem = problem(drawn[:12])
    policy = make_policy(name)
    layout = policy.layout(MACHINE, len(given_problem.jobs), cut)
    layout = layout.profiled({"cpu": [1, 2], "gpu": [1]})
    times = PRECISE if precise else ROUGH
    try:
        run = simulate(given_problem, policy, layout, times, level="job")
    except RunFailed:
        return
    makespan_s = run.summary.makespan_s * (1 + 1e-9)
    assert lower_bound(given_problem).bound_s <= makespan_s
    assert lower_bound(given_problem, [layout]).bound_s <= makespan_s


@settings(max_examples=15)
@given(data=st.data(), name=st.sampled_from(["dyMix", "all_at_once", "lpt"]), cut=cuts)
def test_no_schedule_of_models_of_any_kind_ends_before_it(
    data: st.DataObject, name: str, cut: Cut
) -> None:
    """Copies to and from GPUs, steps a hundredth as long as others, sensitive hosts."""
    known: list[ModelProfile] = [
        data.draw(drawn_profiles(model)) for model in ("criteo_dlrm", "amazon_din")
    ]
    steps = data.draw(st.lists(st.integers(20, 400), min_size=2, max_size=5))
    names = [("criteo_dlrm", "amazon_din")[at % 2] for at in range(len(steps))]
    queue = [make_job(f"job-{i}", names[i], steps=each) for i, each in enumerate(steps)]
    given_problem = problem_of(make_workload(*queue), DRAWN_MACHINE, by_key(*known))
    policy = make_policy(name)
    layout = policy.layout(DRAWN_MACHINE, len(queue), cut).profiled({"cpu": [1], "gpu": [1]})
    bound_s = lower_bound(given_problem).bound_s
    for times in (
        RoughTimes(given_problem.profiles, DRAWN_MACHINE),
        OperatorLevel(given_problem.profiles, DRAWN_MACHINE),
    ):
        run = simulate(given_problem, make_policy(name), layout, times, level="job")
        assert bound_s <= run.summary.makespan_s * (1 + 1e-9)


def best_of_all(given_problem: Problem, layout: Layout) -> float:
    """The least rough makespan of every order on every slot."""
    evaluator = RoughEvaluator(given_problem, layout, ROUGH)
    searcher = Searcher(given_problem, layout, evaluator, "makespan")
    count = len(given_problem.jobs)
    slots = range(sum(entry.slots for entry in layout.devices))
    return min(
        searcher.judged(Order(order, places))[1].makespan_s
        for order in permutations(range(count))
        for places in product(slots, repeat=count)
    )


@settings(max_examples=4)
@given(drawn=jobs, cut=cuts)
def test_no_schedule_at_all_ends_before_it(drawn: list[tuple[str, int]], cut: Cut) -> None:
    given_problem = problem(drawn[:4])
    layout = cut.layout(MACHINE)
    best_s = best_of_all(given_problem, layout)
    assert lower_bound(given_problem).bound_s <= best_s * (1 + 1e-9)
    assert lower_bound(given_problem, [layout]).bound_s <= best_s * (1 + 1e-9)
