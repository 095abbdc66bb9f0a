"""Tests which candidates of a sweep are simulated: of a long queue those of the best layouts."""

from __future__ import annotations

from experiments.stages.candidates import Candidate, candidates
from experiments.stages.layouts import grid
from experiments.stages.racing import MOST_OF_IT, ROUGH_WORK, rounds, work
from rmixer.scheduling.problem import Problem, problem_of
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

PROFILE = make_profile(
    steps=[make_step("cpu"), make_step("gpu")],
    operators=[make_operator(1000.0, lane="gpu", host_us=9000.0)],
    utilisation={"gpu": 0.1, "cpu": 1.0},
)


def tried(jobs: int) -> tuple[Problem, list[Candidate]]:
    workload = make_workload(*(make_job(f"j-{i}", steps=100) for i in range(jobs)))
    problem = problem_of(workload, make_machine(cores=64, gpus=8), by_key(PROFILE))
    policies = ("sequential", "dySequ", "dyMix", "lpt", "muri")
    return problem, candidates(problem, policies, grid(problem, Wanted()))


def test_of_a_short_queue_every_candidate_is_simulated() -> None:
    problem, every = tried(24)
    assert list(rounds(problem, every, lambda at: None)) == [list(range(len(every)))]


def test_of_a_long_one_the_best_layouts_are_tried_by_all_policies() -> None:
    problem, every = tried(1000)
    asked: list[int] = []

    def figure(at: int) -> float:
        """Layouts with many slots on the CPU do best."""
        asked.append(at)
        return 1000.0 - every[at].cut.cpu_slots

    first, second = rounds(problem, every, figure)
    assert asked == first
    layouts = [every[at].layout for at in first]
    assert len(set(layouts)) == len(layouts)
    assert {every[at].policy for at in first if not every[at].layout.in_turn} >= {"dySequ"}
    done = [*first, *second]
    assert len(set(done)) == len(done) < len(every)
    assert sum(work(problem, every[at]) for at in done) <= ROUGH_WORK
    assert all(work(problem, every[at]) <= MOST_OF_IT * ROUGH_WORK for at in first)
    best = max(first, key=lambda at: every[at].cut.cpu_slots)
    alike = {at for at, each in enumerate(every) if each.layout == every[best].layout}
    affordable = {at for at in alike if every[at].policy not in ("muri",)}
    assert affordable <= set(done)
    assert not any(every[at].policy == "muri" for at in done)
