"""Searches for a better schedule on one layout: a walk from schedule to schedule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

import numpy as np

from rmixer.scheduling.layout import Layout
from rmixer.scheduling.problem import Problem
from sim.planning.evaluator import Evaluator, Judged, Plan
from sim.planning.moves import Neighbourhood, Order

Objective = Literal["makespan", "completion"]
SEARCH = "search"
HISTORY = 300
"""A change is taken that is no worse than what was held so many evaluations ago."""
SECOND = 0.02
"""Of two schedules that the objective finds alike, the one that is better by the other is taken:
that counts by so much."""
ELITE = 6
APART = 1e-3
"""So different, as a share, are the scores of the schedules that are kept."""


@dataclass(frozen=True)
class Found:
    """A schedule of a walk, and its score by rough step times."""

    score: float
    order: Order


@dataclass(frozen=True)
class Walk:
    """Where a walk is: its present schedule, the best few that it has met, best first, the scores
    that it has held, and how many schedules it has judged."""

    present: Found
    best: tuple[Found, ...]
    history: tuple[float, ...] = ()
    evaluations: int = 0


class Searcher:
    """Walks among the schedules of ``problem`` on the slots of ``layout``, judged by
    ``evaluator``."""

    def __init__(
        self, problem: Problem, layout: Layout, evaluator: Evaluator, objective: Objective
    ) -> None:
        self._problem, self._layout = problem, layout
        self._evaluator, self._objective = evaluator, objective
        slots = [entry for entry in layout.devices for _ in range(entry.slots)]
        devices = [at for at, entry in enumerate(layout.devices) for _ in range(entry.slots)]
        self._device_of = np.array(devices, dtype=np.int64)
        kinds = [entry.kind for entry in slots]
        self._neighbourhood = Neighbourhood(
            [
                [at for at, kind in enumerate(kinds) if kind in each.costs]
                for each in problem.jobs
            ],
            lambda order: self.judged(order)[0],
        )
        self._arrivals_s = np.array([each.job.arrival_s for each in problem.jobs])
        self.evaluations = 0

    def begin(self, orders: Sequence[Order]) -> Walk:
        """A walk from the best of ``orders``."""
        found = sorted((Found(self.judged(order)[0], order) for order in orders), key=_by_score)
        return Walk(found[0], tuple(found[:ELITE]))

    def walk(self, walk: Walk, evaluations: int, seed: int) -> Walk:
        """Go on with ``walk`` until about so many schedules more are judged: late acceptance (Burke
        & Bykov 2017) of the changes that the neighbourhood draws. The same again for the same
        ``seed``."""
        draw = Random(seed)
        self.evaluations = 0
        present, best = walk.present, list(walk.best)
        history = list(walk.history) or [present.score] * HISTORY
        judged = self.judged(present.order)[1]
        while self.evaluations < evaluations:
            at = self.evaluations % len(history)
            order = self._neighbourhood.changed(present.order, judged, draw)
            score, found = self.judged(order)
            if score <= history[at] or score <= present.score:
                present, judged = Found(score, order), found
                _keep(best, present)
            history[at] = present.score
        return Walk(present, tuple(best), tuple(history), walk.evaluations + self.evaluations)

    def judged(self, order: Order) -> tuple[float, Judged]:
        """The score of an order, of some of the jobs or all, and what it comes to. The score is
        infinite if jobs never start."""
        self.evaluations += 1
        judged = self._evaluator.judge_some(self._plan(order))
        return self.score(judged), judged

    def score(self, judged: Judged) -> float:
        """What is to be small: by the objective, and a little by the other."""
        if judged.makespan_s == np.inf:
            return np.inf
        ended = judged.ends_s < np.inf
        completion_s = float((judged.ends_s - self._arrivals_s)[ended].mean())
        if self._objective == "completion":
            return completion_s + SECOND * judged.makespan_s
        return judged.makespan_s + SECOND * completion_s

    def _plan(self, order: Order) -> Plan:
        slots = np.array(order.slots, dtype=np.int64)
        jobs = np.array(order.jobs, dtype=np.int64)
        nothing = np.zeros(len(jobs), dtype=np.int64)
        return jobs, self._device_of[slots], slots, nothing, nothing


def _keep(best: list[Found], found: Found) -> None:
    """Take ``found`` among the best few, of which no two have nearly the same score."""
    if len(best) == ELITE and found.score >= best[-1].score:
        return
    near = [at for at, each in enumerate(best) if abs(each.score / found.score - 1) < APART]
    if any(best[at].score <= found.score for at in near):
        return
    for at in reversed(near):
        del best[at]
    best.append(found)
    best.sort(key=_by_score)
    del best[ELITE:]


def _by_score(found: Found) -> float:
    return found.score
