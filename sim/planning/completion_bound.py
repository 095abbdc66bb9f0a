"""Computes lower bounds of the completion and the tardiness of any schedule in this simulator."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush
from math import inf

import numpy as np

from rmixer.scheduling.layout import Layout
from rmixer.scheduling.problem import Problem
from sim.operator_level.instruction_tables import Floats
from sim.planning.bound_program import SLOTS, Node, priced
from sim.planning.lower_bound import LowerBound, lower_bound, roots
from sim.planning.objective import Goal, Objective

ALONE = "jobs' own lengths"


def bound_of(
    problem: Problem, layouts: Iterable[Layout] = (), objective: Objective = "makespan"
) -> LowerBound:
    """The least value of ``objective`` of any schedule of ``problem``, on any layout, or on any of
    ``layouts``: of the makespan :func:`~sim.planning.lower_bound.lower_bound`, else the best of
    these, all for jobs j with weights w, arrivals r and ends C.

    *Alone.* A job does not end before r + alone, its time alone in its fastest mode.

    *On shared resources.* The proof of :func:`~sim.planning.lower_bound.lower_bound`, with no price
    on the length of a job, says of any resource prices that in each second all jobs together use up
    at most a second of worth, and a job at least v in all. Let M be the mean moment of the first v
    of that use. Then C >= M + v / 2, for use is never faster than 1. And the sum of w M is least
    where the highest w / v is always used up first, of the jobs that have arrived: it is the cost
    of a transport of each v to moments since r, at w / v a second (Goemans 1996; without arrivals
    that is Smith's rule, 1956). So no schedule has a smaller sum of w C than that of w (M + v / 2).

    *In slots.* In n slots a job uses 1 / n of the slots, without a break and for at least its time
    alone: v = alone / n, and C >= M + alone / 2 (Eastman, Even & Isaacs 1964).

    The tardiness is at least the sum of w (C - due) over any of the jobs. Of all that have a
    deadline those are left out, again and again, that end before it in the bound. Where that leaves
    none, and alone no job would be late, the bound is 0.

    Each holds for one layout; the bound is the least over all that differ.
    """
    if objective == "makespan" or not problem.jobs:
        return lower_bound(problem, layouts)
    goal = Goal.of([each.job for each in problem.jobs])
    if objective == "completion":
        goal = Goal(goal.arrivals_s, np.ones(len(problem.jobs)), goal.due_s)
    found = (_best(problem, node, goal, objective) for node in roots(problem, layouts))
    bound_s, held_by = min(found)
    return LowerBound(bound_s, {held_by: 1.0}, "")


def _best(problem: Problem, node: Node, goal: Goal, objective: Objective) -> tuple[float, str]:
    """Returns the best bound of ``node``, and its reason."""
    places = {each.job.id: place for place, each in enumerate(problem.jobs)}
    program = priced(node, problem.machine, chains=0)
    if not program.worth_s:  # no schedule
        return inf, ALONE
    alone_s, worth_s = np.empty(len(places)), np.empty(len(places))
    for each, worth in zip(node.classes, program.worth_s, strict=True):
        at = [places[name] for name in each.ids]
        alone_s[at], worth_s[at] = min(mode.solo_s for mode in each.modes), worth
    resource = max(program.shares, key=lambda name: program.shares[name])
    uses = [(resource, worth_s, worth_s / 2)]
    if slots := sum(node.slots.values()):
        uses.append((SLOTS, alone_s / slots, alone_s / 2))
    bounds = [(goal.value_s(objective, inf, goal.arrivals_s + alone_s), ALONE)]
    for name, work_s, after_s in uses:
        if objective == "tardiness":
            bounds.append((_late_s(goal, work_s, after_s), name))
        else:
            ends_s = mean_moments_s(work_s, goal.weights, goal.arrivals_s) + after_s
            bounds.append((goal.value_s(objective, inf, ends_s), name))
    return max(bounds, key=lambda bound: bound[0])


def _late_s(goal: Goal, work_s: Floats, after_s: Floats) -> float:
    """Returns the largest lower bound of the tardiness by the jobs with deadlines or some of
    them."""
    jobs, most_s = np.flatnonzero(goal.due_s < inf), 0.0
    while jobs.size:
        weights, arrivals_s = goal.weights[jobs], goal.arrivals_s[jobs]
        ends_s = mean_moments_s(work_s[jobs], weights, arrivals_s) + after_s[jobs]
        late_s = ends_s - goal.due_s[jobs]
        most_s = max(most_s, float(weights @ late_s))
        if (late_s >= 0).all():
            break
        jobs = jobs[late_s >= 0]
    return most_s


def mean_moments_s(work_s: Floats, weights: Floats, arrivals_s: Floats) -> Floats:
    """The mean moment at which each job is worked on. One worker always works on the arrived job
    with the highest weight / ``work_s``."""
    order = np.argsort(arrivals_s, kind="stable").tolist()
    left_s, moments = work_s.tolist(), np.array(arrivals_s, dtype=float)
    sums = np.zeros(len(order))
    here: list[tuple[float, int]] = []
    now_s, at = 0.0, 0
    while here or at < len(order):
        if not here:
            now_s = max(now_s, float(arrivals_s[order[at]]))
        while at < len(order) and arrivals_s[order[at]] <= now_s:
            job, at = order[at], at + 1
            if left_s[job] > 0:  # else it needs nothing, and its moment is its arrival
                heappush(here, (-weights[job] / work_s[job], job))
        if not here:
            continue
        job = here[0][1]
        next_s = float(arrivals_s[order[at]]) if at < len(order) else inf
        until_s = min(now_s + left_s[job], next_s)
        sums[job] += (until_s - now_s) * (until_s + now_s) / 2
        left_s[job] -= until_s - now_s
        if until_s < next_s or left_s[job] <= 0:
            heappop(here)
            moments[job] = sums[job] / work_s[job]
        now_s = until_s
    return moments
