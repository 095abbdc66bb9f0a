"""The search of one layout: against all schedules of small cases, the same again, within limits."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, permutations, product
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quickstart_like import MODELS, profiles

from rmixer.policies.baselines.planned import Planned
from rmixer.scheduling.layout import Cut, DeviceSlots, Layout
from rmixer.scheduling.problem import Problem, problem_of
from rmixer.scheduling.schedule import Schedule, Settings
from rmixer.testing.made_up import GIB, make_job, make_machine, make_workload
from sim import simulate
from sim.planning.evaluator import Evaluator
from sim.planning.moves import Neighbourhood, Order
from sim.planning.rough_times import RoughEvaluator, RoughTimes
from sim.planning.search import ELITE, Found, Searcher, _keep
from sim.simple_step_times.mean_demand import MeanDemand

MACHINE = make_machine(cores=4, gpus=1, memory_bytes=64 * GIB, gpu_memory_bytes=64 * GIB)
PROFILES = profiles(gpu=True, cpu=True)
TIMES, MEAN = RoughTimes(PROFILES, MACHINE), MeanDemand(PROFILES, MACHINE)
BOTH = Cut(gpu_slots=2, cpu_slots=1).layout(MACHINE)
jobs = st.lists(st.tuples(st.sampled_from(sorted(MODELS)), st.integers(1, 400)), min_size=1)


def problem(drawn: list[tuple[str, int]], arrival_s: float = 0.0) -> Problem:
    queue = [
        make_job(f"job-{i}", model, steps=steps, arrival_s=i * arrival_s)
        for i, (model, steps) in enumerate(drawn)
    ]
    return problem_of(make_workload(*queue), MACHINE, PROFILES)


def searcher(given_problem: Problem, layout: Layout = BOTH, **more: object) -> Searcher:
    evaluator = RoughEvaluator(given_problem, layout, TIMES)
    return Searcher(given_problem, layout, evaluator, more.get("objective", "makespan"))  # type: ignore[arg-type]


def queued(count: int) -> Order:
    """All on the first slot."""
    return Order(tuple(range(count)), (0,) * count)


@pytest.mark.parametrize("objective", ["makespan", "completion"])
@pytest.mark.parametrize("seed", range(4))
def test_it_finds_the_best_of_all_schedules(seed: int, objective: str) -> None:
    draw = Random(seed)
    models = sorted(MODELS)
    small = problem([(draw.choice(models), draw.randint(50, 400)) for _ in range(4)])
    search = searcher(small, objective=objective)
    best = min(
        search.judged(Order(order, slots))[0]
        for order in permutations(range(4))
        for slots in product(range(3), repeat=4)
    )
    walk = search.walk(search.begin([queued(4)]), 3000, "seed")
    assert walk.best[0].score == pytest.approx(best, rel=1e-9)
    assert 3000 <= walk.evaluations < 3100


def test_the_same_seed_finds_the_same() -> None:
    given_problem = problem([("criteo_dlrm", 100), ("amazon_din", 300), ("criteo_deepfm", 200)] * 3)
    walks = []
    for seed in ("a", "a", "b"):
        search = searcher(given_problem)
        walk = search.begin([queued(9)])
        for stage in range(3):
            walk = search.walk(walk, 100, f"{seed}/{stage}")
        walks.append(walk)
    assert walks[0] == walks[1]
    assert walks[0].present != walks[2].present


@given(drawn=jobs, seed=st.integers(0, 99), arrival_s=st.sampled_from([0.0, 0.7]))
def test_what_it_finds_is_a_schedule_that_replays(
    drawn: list[tuple[str, int]], seed: int, arrival_s: float
) -> None:
    given_problem = problem(drawn, arrival_s)
    search = searcher(given_problem)
    walk = search.walk(search.begin([queued(len(drawn))]), 30, str(seed))
    assert walk.best[0].score <= search.judged(queued(len(drawn)))[0]
    for found in walk.best:
        dispatches = search.dispatches(found.order)
        assert search.order_of(dispatches) == found.order
        schedule = Schedule(
            given_problem.workload.hash, MACHINE.name, "search", Settings(0, BOTH), dispatches
        )
        schedule.check(given_problem.workload, MACHINE, "here")
        replayed = simulate(given_problem, Planned(schedule), BOTH, TIMES, level="job").summary
        judged = search.judged(found.order)[1]
        assert judged.makespan_s == pytest.approx(replayed.makespan_s, abs=1e-9)


def test_memory_is_never_overdrawn() -> None:
    """The GPU holds one of the jobs of 3 GiB with its margin: whatever the order, two are never
    there at once."""
    tight = make_machine(cores=4, gpus=1, memory_bytes=64 * GIB, gpu_memory_bytes=5 * GIB)
    three = [make_job(f"job-{i}", "amazon_din", steps=200) for i in range(3)]
    given_problem = problem_of(make_workload(*three), tight, profiles(gpu=True))
    peak = given_problem.jobs[0].costs["gpu"].peak_bytes
    assert 2 * 1.2 * peak > 5 * GIB > 1.2 * peak
    layout = Cut(gpu_slots=3).layout(tight)
    times = RoughTimes(given_problem.profiles, tight)
    search = Searcher(
        given_problem, layout, RoughEvaluator(given_problem, layout, times), "makespan"
    )
    walk = search.walk(search.begin([Order((0, 1, 2), (0, 1, 2))]), 50, "any")
    for found in walk.best:
        judged = search.judged(found.order)[1]
        spans = sorted(zip(judged.starts_s, judged.ends_s, strict=True))
        assert all(second[0] >= first[1] for first, second in pairwise(spans))


@settings(max_examples=30)
@given(drawn=jobs, seed=st.integers(0, 999))
def test_changes_keep_every_job_where_it_can_run(drawn: list[tuple[str, int]], seed: int) -> None:
    """The last job runs on the last slot alone."""
    draw = Random(seed)
    count = len(drawn)
    slots_of = [[0, 1, 2]] * (count - 1) + [[2]]
    search = searcher(problem(drawn))
    alike = [at % 2 for at in range(count)]
    neighbourhood = Neighbourhood(
        slots_of, (-1, -1, -2), alike, lambda order: search.judged(order)[0]
    )
    order = Order(tuple(range(count)), (0,) * (count - 1) + (2,))
    for _ in range(20):
        changed = neighbourhood.changed(order, search.judged(order)[1], draw)
        scored, _, order = search.judged(changed)
        assert scored < np.inf
        assert sorted(order.jobs) == list(range(count))
        for job, slot in zip(order.jobs, order.slots, strict=True):
            assert slot in slots_of[job]


@given(drawn=jobs, seed=st.integers(0, 99), name=st.sampled_from(["both", "shared"]))
def test_compiled_mixes_are_those_of_mean_demand(
    drawn: list[tuple[str, int]], seed: int, name: str
) -> None:
    shared = Layout((DeviceSlots("cpu:0", 6, 1),), in_turn=True)
    layout = BOTH if name == "both" else shared
    draw = Random(seed)
    given_problem = problem(drawn)
    slots = sum(entry.slots for entry in layout.devices)
    order = Order(tuple(range(len(drawn))), tuple(draw.randrange(slots) for _ in drawn))
    rough = searcher(given_problem, layout).judged(order)[1]
    asked = Searcher(given_problem, layout, Evaluator(given_problem, layout, MEAN), "makespan")
    assert rough.ends_s.tolist() == asked.judged(order)[1].ends_s.tolist()


def test_forgotten_mixes_are_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.planning.rough_times.MOST_MIXES", 8)
    given_problem = problem([("criteo_dlrm", 100), ("amazon_din", 300), ("criteo_deepfm", 200)] * 3)
    order = Order(tuple(range(9)), (0, 1, 2) * 3)
    few = searcher(given_problem).judged(order)[1]
    asked = Searcher(given_problem, BOTH, Evaluator(given_problem, BOTH, MEAN), "makespan")
    assert few.ends_s == pytest.approx(asked.judged(order)[1].ends_s, rel=1e-12)


def test_no_job_waits_for_one_of_lower_priority() -> None:
    """On one slot, for the mean completion: short ones first, but for the long one's priority."""
    queue = [
        replace(make_job(f"job-{i}", "amazon_din", steps=steps), priority=priority)
        for i, (steps, priority) in enumerate([(30, 0), (400, 2), (20, 0), (300, 1)])
    ]
    given_problem = problem_of(make_workload(*queue), MACHINE, PROFILES)
    one = Cut(cpu_slots=1).layout(MACHINE)
    search = searcher(given_problem, one, objective="completion")
    walk = search.walk(search.begin([Order((1, 3, 0, 2), (0,) * 4)]), 500, "any")
    assert walk.best[0].order.jobs == (1, 3, 2, 0)
    assert search.judged(Order((0, 1, 2, 3), (0,) * 4))[0] == np.inf


def test_the_best_few_are_kept_apart() -> None:
    best: list[Found] = []
    for value in (10.0, 10.001, 9.0, 9.0001, 11.0, 12.0, 13.0, 14.0, 8.9999, 15.0):
        _keep(best, Found(value, queued(1), value))
    assert [each.score for each in best] == [8.9999, 10.0, 11.0, 12.0, 13.0, 14.0]
    assert len(best) == ELITE
