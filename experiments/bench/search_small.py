"""Compares the search with every schedule of small queues."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations, permutations
from random import Random

from rmixer.scheduling.layout import Cut, Layout
from rmixer.scheduling.problem import Problem, problem_of
from rmixer.workload.workload import Workload
from sim.planning.lower_bound import lower_bound
from sim.planning.moves import Order
from sim.planning.rough_evaluator import RoughEvaluator
from sim.planning.rough_times import RoughTimes
from sim.planning.search import Searcher

CUTS = (Cut(2, 0, 1, 0), Cut(1, 1, 1, 1), Cut(2, 1, 1, 1))
MOST_JOBS = {2: 7, 3: 6}
"""By the number of slots."""
EVALUATIONS = 4000


@dataclass(frozen=True)
class SmallCase:
    """A queue of ``jobs`` jobs on ``slots`` slots: the best of all schedules, the best that a
    search found, and the bound."""

    jobs: int
    slots: int
    best_s: float
    found_s: float
    bound_s: float

    @property
    def gap(self) -> float:
        """The relative excess of the found makespan over the best."""
        return self.found_s / self.best_s - 1


def small_cases(problem: Problem, count: int) -> Iterator[SmallCase]:
    """Yields ``count`` seeded cases of jobs of ``problem``, of one third to all of their steps, by
    rough step times."""
    times = RoughTimes(problem.profiles, problem.machine)
    for seed in range(count):
        draw = Random(seed)
        cut = draw.choice(CUTS)
        most = MOST_JOBS[cut.gpu_slots + cut.cpu_slots]
        chosen = draw.choices(problem.workload.jobs, k=draw.randint(4, most))
        jobs = tuple(
            replace(job, id=f"job-{at}", steps=round(job.steps * draw.uniform(1 / 3, 1)))
            for at, job in enumerate(chosen)
        )
        queue = Workload(f"small-{seed}", seed, jobs)
        small = problem_of(queue, problem.machine, problem.profiles)
        yield _case(small, cut.layout(problem.machine), times)


def _case(problem: Problem, layout: Layout, times: RoughTimes) -> SmallCase:
    searcher = Searcher(problem, layout, RoughEvaluator(problem, layout, times), "makespan")
    count, slots = len(problem.jobs), sum(entry.slots for entry in layout.devices)
    best_s = min(searcher.judged(order)[1].makespan_s for order in every_order(count, slots))
    walk = searcher.begin([Order(tuple(range(count)), (0,) * count)])
    walk = searcher.walk(walk, EVALUATIONS, problem.workload.name)
    found_s = min(searcher.judged(found.order)[1].makespan_s for found in walk.best)
    return SmallCase(count, slots, best_s, found_s, lower_bound(problem, [layout]).bound_s)


def every_order(jobs: int, slots: int) -> Iterator[Order]:
    """Every schedule of ``jobs`` jobs: each order of them, cut into a queue for each of ``slots``
    slots."""
    for order in permutations(range(jobs)):
        for cuts in combinations(range(jobs + slots - 1), slots - 1):
            lengths = [
                end - begin - 1
                for begin, end in zip((-1, *cuts), (*cuts, jobs + slots - 1), strict=True)
            ]
            on = tuple(slot for slot, length in enumerate(lengths) for _ in range(length))
            # First those that are first on their slots: with equal starts, the order of dispatch.
            turn = [at for length in lengths for at in range(length)]
            places = sorted(range(jobs), key=lambda at, turn=turn: turn[at])  # type: ignore[misc]
            yield Order(tuple(order[at] for at in places), tuple(on[at] for at in places))
