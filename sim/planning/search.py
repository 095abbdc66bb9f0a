"""Searches for a better schedule on one layout: a walk from schedule to schedule."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from random import Random

import numpy as np

from rmixer.scheduling.layout import Layout
from rmixer.scheduling.problem import Problem
from rmixer.scheduling.schedule import ScheduledJob
from sim.planning.evaluator import Evaluator, Judged, Plan
from sim.planning.moves import Neighbourhood, Order
from sim.planning.objective import Goal, Objective

HISTORY = 50
"""A change is taken if it is no worse than the schedule held this many evaluations ago."""
LOOSENED = 1.01
"""The score may be worse again by this factor when a walk has found nothing for a whole stage."""
ELITE = 6
APART = 1e-3
"""The least relative difference between the scores of the schedules that are kept."""


@dataclass(frozen=True)
class Found:
    """A schedule of a walk, its score, and its figure of the objective."""

    score: float
    order: Order
    value_s: float


@dataclass(frozen=True)
class Walk:
    """The state of a walk: its present schedule, the best few that it has met, best first, the
    scores that it has held, and the number of schedules that it has judged."""

    present: Found
    best: tuple[Found, ...]
    history: tuple[float, ...] = ()
    evaluations: int = 0


class Searcher:
    """Walks among the schedules of ``problem`` on the slots of ``layout``, judged by
    ``evaluator``; ``neighbourhood`` draws the changes. Where several jobs have one id
    (:attr:`Problem.wide`), a schedule has one of them; its dispatches say which, if it is not the
    first."""

    def __init__(
        self, problem: Problem, layout: Layout, evaluator: Evaluator, objective: Objective
    ) -> None:
        self._problem, self._evaluator, self._objective = problem, evaluator, objective
        self._places: dict[str, int] = {}
        for place, each in enumerate(problem.jobs):
            self._places.setdefault(each.job.id, place)
        self._slots = [(entry, slot) for entry in layout.devices for slot in range(entry.slots)]
        devices = [at for at, entry in enumerate(layout.devices) for _ in range(entry.slots)]
        self._device_of = np.array(devices, dtype=np.int64)
        kinds = [entry.kind for entry in layout.devices]
        any_of = [-1 - kinds.index(kinds[device]) for device in devices]
        known: dict[str, int] = {}
        alike = [known.setdefault(each.key, len(known)) for each in problem.jobs]
        self._goal = Goal.of([each.job for each in problem.jobs])
        slots_of = [
            [at for at, (entry, _) in enumerate(self._slots) if entry.kind in each.costs]
            for each in problem.jobs
        ]
        self._priorities = np.array([each.job.priority for each in problem.jobs])
        self._kind_of = np.array([kinds[device] == "gpu" for device in devices], dtype=np.int64)
        self._can = np.array([["cpu" in each.costs, "gpu" in each.costs] for each in problem.jobs])
        self.neighbourhood = Neighbourhood(
            slots_of, any_of, alike, lambda order: self.judged(order)[0], self._sizes()
        )
        self._evaluations = 0

    def begin(self, orders: Sequence[Order]) -> Walk:
        """A walk from the best of ``orders``."""
        best: list[Found] = []
        for given in orders:
            scored, judged, order = self.judged(given)
            _keep(best, self._found(scored, order, judged))
        return Walk(best[0], tuple(best))

    def walk(self, walk: Walk, evaluations: int, seed: str, until_s: float = inf) -> Walk:
        """Continues ``walk`` until about ``evaluations`` more schedules are judged: late acceptance
        (Burke & Bykov 2017) of the changes that the neighbourhood draws. The result is the same for
        the same ``seed``, unless the monotonic clock comes to ``until_s`` before."""
        draw = Random(seed)
        self._evaluations = 0
        present, best = walk.present, list(walk.best)
        history = list(walk.history) or [present.score] * HISTORY
        judged = self.judged(present.order)[1]
        while self._evaluations < evaluations and time.monotonic() < until_s:
            at = self._evaluations % len(history)
            order = self.neighbourhood.changed(present.order, judged, draw)
            scored, found, order = self.judged(order)
            if scored <= history[at] or scored <= present.score:
                present, judged = self._found(scored, order, found), found
                _keep(best, present)
            history[at] = present.score
        if best[0].score == walk.best[0].score:
            history = [LOOSENED * present.score] * len(history)
        done = walk.evaluations + self._evaluations
        return Walk(present, tuple(best), tuple(history), done)

    def judged(self, order: Order) -> tuple[float, Judged, Order]:
        """The score of an order of some or all of the jobs, its result, and the same order with a
        slot for every job. The score is infinite if a job waits for one of lower priority that
        starts on a kind of device that it could run on."""
        self._evaluations += 1
        plan = self._plan(order)
        judged = self._evaluator.judge_some(plan)
        scored = self._goal.score(self._objective, judged)
        if scored < inf and self._priorities.any() and not self._in_priority(plan, judged):
            scored = inf
        return scored, judged, Order(order.jobs, tuple(plan[2].tolist()))

    def _found(self, scored: float, order: Order, judged: Judged) -> Found:
        value_s = self._goal.value_s(self._objective, judged.makespan_s, judged.ends_s)
        return Found(scored, order, value_s)

    def _in_priority(self, plan: Plan, judged: Judged) -> bool:
        jobs, slots = plan[0], plan[2]
        starts_s, arrivals_s = judged.starts_s[jobs], self._goal.arrivals_s[jobs]
        priorities, kinds = self._priorities[jobs], self._kind_of[slots]
        waits = (arrivals_s[:, None] <= starts_s[None, :]) & (starts_s[:, None] > starts_s[None, :])
        lower = priorities[:, None] > priorities[None, :]
        return not (waits & lower & self._can[jobs][:, kinds]).any()

    def dispatches(self, order: Order) -> tuple[ScheduledJob, ...]:
        """The dispatches of an order."""
        found = []
        for number, (job, at) in enumerate(zip(order.jobs, order.slots, strict=True)):
            entry, slot = self._slots[at]
            chosen = self._problem.jobs[job].job
            found.append(
                ScheduledJob(
                    order=number,
                    round=0,
                    job=chosen.id,
                    devices=(entry.device,),
                    slot=slot,
                    threads=entry.threads,
                    placement="device",
                    sharing=entry.sharing,
                    batch=None if self._places[chosen.id] == job else chosen.batch,
                )
            )
        return tuple(found)

    def order_of(self, dispatches: Sequence[ScheduledJob]) -> Order:
        """The order of dispatches. Devices and slots must be those of the layout; rounds are lost,
        and batches."""
        slots = {(entry.device, slot): at for at, (entry, slot) in enumerate(self._slots)}
        ordered = sorted(dispatches, key=lambda each: each.order)
        return Order(
            tuple(self._places[each.job] for each in ordered),
            tuple(slots[each.devices[0], each.slot] for each in ordered),
        )

    def _sizes(self) -> list[dict[int, int]]:
        """By job: the place of each of its sizes, by batch. Empty if none has several."""
        jobs = [each.job for each in self._problem.jobs]
        sizes: dict[str, dict[int, int]] = {job.id: {} for job in jobs}
        for place, job in enumerate(jobs):
            sizes[job.id][job.batch] = place
        return [sizes[job.id] for job in jobs] if len(sizes) < len(jobs) else []

    def _plan(self, order: Order) -> Plan:
        slots = np.array(order.slots, dtype=np.int64)
        jobs = np.array(order.jobs, dtype=np.int64)
        nothing = np.zeros(len(jobs), dtype=np.int64)
        devices = np.where(slots < 0, -1 - slots, self._device_of[slots])
        return jobs, devices, slots, nothing, nothing


def _keep(best: list[Found], found: Found) -> None:
    """Puts ``found`` among the best few, of which no two have nearly the same score."""
    if len(best) == ELITE and found.score >= best[-1].score:
        return
    near = [
        at for at, each in enumerate(best) if abs(each.score - found.score) < APART * found.score
    ]
    if any(best[at].score <= found.score for at in near):
        return
    for at in reversed(near):
        del best[at]
    best.append(found)
    best.sort(key=lambda each: each.score)
    del best[ELITE:]
