"""Objectives of a search: by hand, against all schedules of small cases, and their bounds."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product
from random import Random
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quickstart_like import MODELS, profiles

from rmixer.cli.searching import OBJECTIVES
from rmixer.errors import InputError
from rmixer.scheduling.layout import Cut, Layout
from rmixer.scheduling.problem import Problem, problem_of
from rmixer.testing.made_up import GIB, by_key, make_job, make_machine, make_profile, make_workload
from sim.planning.completion_bound import ALONE, bound_of, mean_moments_s
from sim.planning.evaluator import Evaluator, Judged
from sim.planning.moves import Order
from sim.planning.objective import FIGURES, SECOND, TIE, Goal, Objective, check_objective, in_words
from sim.planning.rough_times import RoughEvaluator, RoughTimes
from sim.planning.search import Searcher
from sim.simple_step_times.uncontended import Uncontended

MACHINE = make_machine(cores=4, gpus=1, memory_bytes=64 * GIB, gpu_memory_bytes=64 * GIB)
PROFILES = profiles(gpu=True, cpu=True)
TIMES = RoughTimes(PROFILES, MACHINE)
BOTH = Cut(gpu_slots=2, cpu_slots=1).layout(MACHINE)
NEW: tuple[Objective, ...] = ("weighted_completion", "tardiness")
OF_JOBS: tuple[Objective, ...] = ("completion", *NEW)
wishes = st.lists(
    st.tuples(
        st.sampled_from(sorted(MODELS)),
        st.integers(1, 400),
        st.sampled_from([0.5, 1.0, 4.0]),
        st.sampled_from([0.0, 0.0, 0.3, 2.0]),
        st.sampled_from([None, 0.2, 1.0, 3.0]),
    ),
    min_size=1,
    max_size=4,
)


def problem(drawn: list[tuple[str, int, float, float, float | None]]) -> Problem:
    """Jobs by model, steps, weight, arrival and deadline."""
    queue = [
        replace(
            make_job(f"job-{i}", model, steps=steps, arrival_s=arrival_s),
            weight=weight,
            deadline_s=None if after_s is None else arrival_s + after_s,
        )
        for i, (model, steps, weight, arrival_s, after_s) in enumerate(drawn)
    ]
    return problem_of(make_workload(*queue), MACHINE, PROFILES)


def searcher(given_problem: Problem, objective: Objective, layout: Layout = BOTH) -> Searcher:
    evaluator = RoughEvaluator(given_problem, layout, TIMES)
    return Searcher(given_problem, layout, evaluator, objective)


def value_s(given_problem: Problem, objective: Objective, judged: Judged) -> float:
    """Of a schedule, written down anew."""
    total = weights = 0.0
    for each, end_s in zip(given_problem.jobs, judged.ends_s.tolist(), strict=True):
        job = each.job
        weight = 1.0 if objective == "completion" else job.weight
        if objective != "tardiness":
            total += weight * (end_s - job.arrival_s)
        elif job.deadline_s is not None and end_s > job.deadline_s:
            total += weight * (end_s - job.deadline_s)
        weights += weight
    return total if objective == "tardiness" else total / weights


def best_of_all(given_problem: Problem, objective: Objective, layout: Layout = BOTH) -> float:
    """The least of every order on every slot."""
    search = searcher(given_problem, objective, layout)
    count, slots = len(given_problem.jobs), range(sum(entry.slots for entry in layout.devices))
    return min(
        value_s(given_problem, objective, search.judged(Order(order, places))[1])
        for order in permutations(range(count))
        for places in product(slots, repeat=count)
    )


@settings(max_examples=6)
@given(drawn=wishes, cut=st.sampled_from([Cut(gpu_slots=2, cpu_slots=1), Cut(cpu_slots=2)]))
def test_no_schedule_at_all_beats_the_bound(drawn: list, cut: Cut) -> None:
    given_problem, layout = problem(drawn), cut.layout(MACHINE)
    for objective in OF_JOBS:
        best_s = best_of_all(given_problem, objective, layout) * (1 + 1e-9)
        assert bound_of(given_problem, [layout], objective).bound_s <= best_s
        assert bound_of(given_problem, (), objective).bound_s <= best_s


@pytest.mark.parametrize("objective", NEW)
def test_the_search_finds_the_best_of_all(objective: Objective) -> None:
    over = []
    for seed in range(4):
        draw = Random(seed)
        choices = (sorted(MODELS), range(50, 401), (1.0, 2.0, 5.0), (0.0, 0.4), (None, 0.5, 1.0))
        small = problem([tuple(map(draw.choice, choices)) for _ in range(4)])  # type: ignore[misc]
        search = searcher(small, objective)
        walk = search.walk(search.begin([Order((0, 1, 2, 3), (0,) * 4)]), 3000, "seed")
        best_s = best_of_all(small, objective)
        over.append((walk.best[0].value_s - best_s) / max(best_s, 1e-9))
        judged = search.judged(walk.best[0].order)[1]
        assert walk.best[0].value_s == pytest.approx(value_s(small, objective, judged))
    assert min(over) >= -1e-9
    assert np.mean(over) <= 0.01


def one_machine(weights: list[float], arrivals_s: list[float]) -> list[Problem]:
    """Jobs of 1, 2 and 3 s, without company to slow them."""
    queue = [
        replace(make_job(f"job-{i}", steps=100 * (i + 1), arrival_s=at), weight=weight)
        for i, (weight, at) in enumerate(zip(weights, arrivals_s, strict=True))
    ]
    table = replace(make_profile(), origin="table")
    return [problem_of(make_workload(*queue), make_machine(cores=4), by_key(table))]


def test_bounds_by_hand() -> None:
    """On one slot the bound is Smith's rule: by weight for a second 3 (w 9), 1 (w 2), 2 (w 1)."""
    (given_problem,) = one_machine([2.0, 1.0, 9.0], [0.0, 0.0, 0.0])
    one = Cut(cpu_slots=1).layout(make_machine(cores=4))
    found = bound_of(given_problem, [one], "weighted_completion")
    assert found.bound_s == pytest.approx((9 * 3 + 2 * 4 + 1 * 6) / 12)
    assert found.held_by == "slots"
    alone = bound_of(given_problem, (), "weighted_completion")
    assert (alone.bound_s, alone.held_by) == (pytest.approx((9 * 3 + 2 * 1 + 1 * 2) / 12), ALONE)
    assert bound_of(given_problem, [one], "completion").bound_s == pytest.approx((1 + 3 + 6) / 3)
    two = Cut(cpu_slots=2).layout(make_machine(cores=4))
    # Eastman, Even & Isaacs: M_1 / m + (m - 1) / (2 m) M_n, without weights.
    halves = bound_of(given_problem, [two], "completion").bound_s
    assert halves == pytest.approx((10 / 2 + (1 / 4) * 6) / 3)
    assert bound_of(given_problem, [one, two], "completion").bound_s == pytest.approx(halves)


def test_bounds_of_tardiness_by_hand() -> None:
    (given_problem,) = one_machine([1.0, 1.0, 1.0], [0.0, 0.0, 0.0])
    one = Cut(cpu_slots=1).layout(make_machine(cores=4))

    def bound_s(*due_s: float | None) -> float:
        jobs = [
            replace(each, job=replace(each.job, deadline_s=due))
            for each, due in zip(given_problem.jobs, due_s, strict=True)
        ]
        found = bound_of(replace(given_problem, jobs=tuple(jobs)), [one], "tardiness")
        assert (found.gap(1.0) is None) == (found.bound_s == 0)
        return found.bound_s

    assert bound_s(None, 9.0, None) == 0.0
    assert bound_s(None, 1.5, None) == pytest.approx(0.5)  # alone
    assert bound_s(1.0, 1.0, 1.0) == pytest.approx(0 + 2 + 5)
    assert bound_s(100.0, 2.0, 2.0) == pytest.approx(0 + 3)  # without the first


def preemptive(work: list[int], weights: list[float], arrivals: list[int]) -> list[float]:
    """The mean moments of work that goes on by whole seconds, one after the other."""
    left, moments = list(work), [0.0] * len(work)
    now = 0
    while any(left):
        here = [j for j in range(len(work)) if left[j] and arrivals[j] <= now]
        if here:
            job = max(here, key=lambda j: (weights[j] / work[j], -j))
            left[job] -= 1
            moments[job] += (now + 0.5) / work[job]
        now += 1
    return moments


@given(
    drawn=st.lists(
        st.tuples(st.integers(1, 6), st.floats(0.1, 9.0), st.integers(0, 12)), min_size=1
    )
)
def test_mean_moments_are_those_of_preemptive_work(drawn: list) -> None:
    work, weights, arrivals = (list(each) for each in zip(*drawn, strict=True))
    found = mean_moments_s(np.array(work, float), np.array(weights), np.array(arrivals, float))
    expected = preemptive(work, weights, arrivals)
    assert np.dot(weights, found) == pytest.approx(np.dot(weights, expected))


def test_what_is_not_worked_on_counts_from_its_arrival() -> None:
    found = mean_moments_s(np.array([0.0, 2.0]), np.ones(2), np.array([3.0, 1.0]))
    assert found.tolist() == [3.0, 2.0]


def test_scores_by_hand() -> None:
    judged = Judged(9.0, np.array([1.0, 2.0, np.inf]), np.array([4.0, 10.0, np.inf]))
    goal = Goal(np.array([0.0, 2.0, 0.0]), np.array([3.0, 1.0, 7.0]), np.array([3.5, np.inf, 0.0]))
    assert goal.score("makespan", judged) == 9.0 + SECOND * 6.0
    assert goal.score("completion", judged) == 6.0 + SECOND * 9.0
    assert goal.score("weighted_completion", judged) == (3 * 4 + 8) / 4 + SECOND * 9.0
    assert goal.score("tardiness", judged) == 3 * 0.5 + TIE * 9.0
    never = Judged(np.inf, judged.starts_s, judged.ends_s)
    assert goal.score("completion", never) == np.inf


def test_all_objectives_can_be_asked_for() -> None:
    assert set(OBJECTIVES) == set(get_args(Objective)) == set(FIGURES)
    assert [in_words(each) for each in NEW] == ["weighted completion", "tardiness"]


def test_objectives_of_which_jobs_say_nothing() -> None:
    jobs = [make_job("one"), make_job("two")]
    check_objective("makespan", jobs)
    check_objective("completion", jobs)
    for objective, key in (("weighted_completion", "weight"), ("tardiness", "deadline_s")):
        with pytest.raises(InputError, match=f"--objective: .*{objective}.*`{key}`"):
            check_objective(objective, jobs)  # type: ignore[arg-type]
    check_objective("tardiness", [jobs[0], replace(jobs[1], deadline_s=1.0)])
    check_objective("weighted_completion", [jobs[0], replace(jobs[1], weight=2.0)])


def test_durations_alone_are_searched_for_completions() -> None:
    """On one slot the best weighted completion is Smith's rule, and the bound is met."""
    (given_problem,) = one_machine([2.0, 1.0, 9.0], [0.0, 0.0, 0.0])
    one = Cut(cpu_slots=1).layout(given_problem.machine)
    evaluator = Evaluator(given_problem, one, Uncontended(given_problem.profiles))
    search = Searcher(given_problem, one, evaluator, "weighted_completion")
    walk = search.walk(search.begin([Order((0, 1, 2), (0,) * 3)]), 200, "any")
    assert walk.best[0].order.jobs == (2, 0, 1)
    bound_s = bound_of(given_problem, [one], "weighted_completion").bound_s
    assert walk.best[0].value_s == pytest.approx(bound_s)
