"""Chooses the candidates of a sweep to simulate if the queue is too long for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from experiments.stages.candidates import Candidate
from rmixer.scheduling.problem import Problem
from sim.planning.two_fidelities import LEAST

ROUGH_WORK = 6_000_000
"""Work that is simulated by rough step times: about two minutes of one core."""
MOST_OF_IT = 0.1
"""A candidate of more than this share of it is left out."""
PRECISE_WORK = 40_000
"""Work that is simulated by precise ones if no mix is solved yet: about as long."""
LEADERS = ("dySequ", "dyType", "lpt")
"""The first of these that is tried shows how good a layout is."""


def work(problem: Problem, candidate: Candidate) -> int:
    """The cost of a simulation: mixes change a few times a job, and each has a member a slot. If
    slots share cores, nothing is compiled, and each member is compared with each other one. A
    policy that weighs pairs of jobs does that again and again."""
    jobs = len(problem.jobs)
    members = min(jobs, sum(entry.slots for entry in candidate.layout.devices))
    factor = max(1, members // 3) if candidate.layout.in_turn else 1
    if candidate.schedule is None and candidate.made(0).weighs_pairs:
        factor *= max(1, jobs * jobs // 400)
    return jobs * members * factor


def is_solved(problem: Problem, candidate: Candidate) -> bool:
    """True if there is time to solve the mixes of enough candidates like this one to correct rough
    figures."""
    return work(problem, candidate) * LEAST <= PRECISE_WORK


def rounds(
    problem: Problem, tried: Sequence[Candidate], figure: Callable[[int], float | None]
) -> Iterator[list[int]]:
    """Yields the places of the candidates to simulate, round by round.

    There is one round if that is no more work than ``ROUGH_WORK``. Otherwise one policy shows in
    the first round how good each layout is, and in the second all policies are tried on the best
    layouts, as far as the work suffices. ``figure`` gives the result of a candidate of the first
    round; small is good. The clock is not asked, so the same queue has the same rows.
    """
    costs = [work(problem, each) for each in tried]
    if sum(costs) <= ROUGH_WORK:
        yield list(range(len(tried)))
        return
    on: dict[object, list[int]] = {}
    for at, each in enumerate(tried):
        on.setdefault(each.layout, []).append(at)
    leaders = [min(there, key=lambda at: _rank(tried[at])) for there in on.values()]
    most = MOST_OF_IT * ROUGH_WORK
    first = [at for at in leaders if costs[at] <= most]
    yield first
    left = ROUGH_WORK - sum(costs[at] for at in first)
    second: list[int] = []
    shown = {at: found for at in first if (found := figure(at)) is not None}
    for leader in sorted(shown, key=lambda at: (shown[at], at)):
        for at in on[tried[leader].layout]:
            if at != leader and costs[at] <= min(left, most):
                second.append(at)
                left -= costs[at]
    yield second


def _rank(candidate: Candidate) -> int:
    rule = candidate.policy.partition("@")[0]
    return LEADERS.index(rule) if rule in LEADERS else len(LEADERS)
