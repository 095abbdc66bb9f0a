"""Improves on the policies of a sweep: walks on several layouts, longer on the best of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from math import ceil, inf

from experiments.stages.over_cores import in_order
from experiments.stages.prediction import rough_times
from experiments.stages.search_starts import (
    FALLBACK,
    next_to,
    search_cuts,
    simulated_dispatches,
    starts_on,
)
from experiments.stages.search_wish import SEARCH, Searched, SearchProgress, SearchWish, Setting
from profiles.machines.limits import usable_cores
from rmixer.errors import InputError, RunFailed
from rmixer.scheduling.layout import Cut, Layout
from rmixer.scheduling.problem import Problem
from rmixer.scheduling.schedule import Schedule, Settings
from rmixer.scheduling.step_times import StepTimes
from sim.planning.evaluator import Evaluator
from sim.planning.rough_times import RoughEvaluator, RoughTimes
from sim.planning.search import Found, Searcher, Walk

MOST_WALKS = 12
LEAST_WALKS = 2
KEPT = 0.6
"""The share of the walks, the best, that continues after each stage."""
STARTS = 3
STAGE, JOBS = 1000, 24
"""A walk evaluates the first number of schedules of the second number of jobs in a stage, and fewer
of more jobs."""
PATIENCE = 4
"""A search ends when it has found nothing better for this many stages for each job."""
CONFIRMED = 8
"""The number of schedules evaluated by precise step times at the end, if there is time."""
CONFIRMING = 0.3
"""The share of the seconds that is kept for that; while they last, more are evaluated."""
HOPELESS = 1.03
"""Schedules are left out if rough step times make them this many times as long as the best."""


@dataclass
class _Track:
    """A walk on a layout."""

    number: int
    layout: Layout
    searcher: Searcher
    walk: Walk


def search(problem: Problem, step_times: StepTimes, setting: Setting, wish: SearchWish) -> Searched:
    """Searches for a schedule that is better than those of the policies that were tried.

    A walk begins on each layout (:func:`~experiments.stages.search_starts.search_cuts`) from the
    best of the policies that were tried there. All go on for a stage. Then the worse are dropped,
    until few are left, and the layouts next to the best one join, from its schedule. Rough step
    times judge. The best schedules of all walks are then judged by ``step_times``, and the best of
    these is the answer. It is the same for the same workload seed and number of evaluations,
    whatever the number of processes. KeyboardInterrupt ends the search with the best so far. Raises
    :class:`RunFailed` where no schedule can be found.
    """
    rough = rough_times(problem, step_times)
    tracks = _tracks(problem, rough, setting)
    every = list(tracks)
    begin_s = time.monotonic()
    budget_s = wish.seconds * (1 - CONFIRMING)
    stage = max(10, round(STAGE * min(1.0, JOBS / len(problem.jobs)) ** 1.5))
    processes = wish.processes or len(usable_cores())
    interrupted = False
    number = since = 0
    try:
        while number - since <= PATIENCE * len(problem.jobs):
            judged = sum(each.walk.evaluations for each in every)
            best = min((each.walk.best[0] for each in every), key=lambda found: found.score)
            gap = best.value_s / setting.bound_s - 1 if setting.bound_s else None
            wish.told(SearchProgress(best.value_s, gap, judged, time.monotonic() - begin_s))
            if wish.evaluations is None and time.monotonic() - begin_s >= budget_s:
                break
            if wish.evaluations is not None and judged >= wish.evaluations:
                break
            limits = (stage, begin_s + budget_s)
            if wish.evaluations is not None:
                limits = (min(stage, ceil((wish.evaluations - judged) / len(tracks))), inf)
            _stage(tracks, limits, f"{problem.workload.seed}/{number}", processes)
            tracks.sort(key=lambda each: (each.walk.best[0].score, each.number))
            tracks = tracks[: max(LEAST_WALKS, ceil(len(tracks) * KEPT))]
            joining = _joining(problem, rough, setting, tracks[0], every)
            tracks, every = tracks + joining, every + joining
            number += 1
            if tracks[0].walk.best[0].score < best.score:
                since = number
    except KeyboardInterrupt:
        interrupted = True
    deadline_s = None if wish.evaluations is not None else begin_s + wish.seconds
    if interrupted:
        deadline_s = time.monotonic()
    schedule = _confirmed(problem, step_times, every, setting, deadline_s)
    judged = sum(each.walk.evaluations for each in every)
    return Searched(schedule, judged, time.monotonic() - begin_s, interrupted)


def _searcher(problem: Problem, layout: Layout, times: StepTimes, setting: Setting) -> Searcher:
    wide = problem.wide
    if isinstance(times, RoughTimes):
        evaluator: Evaluator = RoughEvaluator(wide, layout, times)
    else:
        evaluator = Evaluator(wide, layout, times)
    return Searcher(wide, layout, evaluator, setting.objective)


def _tracks(problem: Problem, rough: StepTimes, setting: Setting) -> list[_Track]:
    """A walk on each layout on which some policy can start; if there are many, on the best ones."""
    found: list[_Track] = []
    why: set[str] = set()
    for cut in search_cuts(problem, setting.cuts, setting.wanted):
        layout = cut.layout(problem.machine)
        starts = starts_on(cut, setting.tried, STARTS) or [(FALLBACK, layout)]
        searcher = _searcher(problem, layout, rough, setting)
        orders = []
        for policy, on in starts:
            try:
                dispatches = simulated_dispatches(problem, policy, on, rough)
            except (InputError, RunFailed) as error:  # a job that fits none of these slots
                why.add(str(error))
                continue
            orders.append(searcher.order_of(dispatches))
        walk = searcher.begin(orders) if orders else None
        if walk is not None and walk.best[0].score < inf:
            found.append(_Track(len(found), layout, searcher, walk))
    if not found:
        raise RunFailed(
            "; ".join(sorted(why)) or "no policy has a schedule to start the search from"
        )
    found.sort(key=lambda each: (each.walk.best[0].score, each.number))
    return found[:MOST_WALKS]


def _joining(
    problem: Problem, rough: StepTimes, setting: Setting, best: _Track, every: Sequence[_Track]
) -> list[_Track]:
    """Walks on the layouts next to that of the ``best`` walk, from its best schedule, unless
    ``every`` walk so far has them."""
    known = {Cut.of(each.layout) for each in every}
    order = best.searcher.neighbourhood.anywhere(best.walk.best[0].order)
    found: list[_Track] = []
    for cut in next_to(problem, Cut.of(best.layout), setting.wanted):
        if cut not in known:
            layout = cut.layout(problem.machine)
            searcher = _searcher(problem, layout, rough, setting)
            walk = searcher.begin([order])
            if walk.best[0].score < inf:
                found.append(_Track(len(every) + len(found), layout, searcher, walk))
    return found


def _stage(tracks: Sequence[_Track], limits: tuple[int, float], seed: str, processes: int) -> None:
    """Continues each walk for a number of evaluations, at most to a time of the monotonic clock; if
    it is interrupted, the results so far are kept."""
    evaluations, until_s = limits

    def go_on(each: _Track) -> Walk:
        return each.searcher.walk(each.walk, evaluations, f"{seed}/{each.number}", until_s)

    with closing(in_order(go_on, tracks, processes)) as walks:
        for each, walk in zip(tracks, walks, strict=True):
            each.walk = walk


def _confirmed(
    problem: Problem,
    step_times: StepTimes,
    tracks: Sequence[_Track],
    setting: Setting,
    deadline_s: float | None,
) -> Schedule:
    """The best by ``step_times`` of the schedules that are best by rough ones."""
    met = [(found, each) for each in tracks for found in each.walk.best]
    met.sort(key=lambda pair: (pair[0].score, pair[1].number))
    evaluators: dict[int, Searcher] = {}
    best: tuple[float, Found | None, _Track] = (inf, None, tracks[0])
    for count, (found, track) in enumerate(met):
        enough = count >= CONFIRMED and (deadline_s is None or found.score > best[0] * HOPELESS)
        if count and (enough or (deadline_s is not None and time.monotonic() >= deadline_s)):
            break
        if track.number not in evaluators:
            evaluators[track.number] = _searcher(problem, track.layout, step_times, setting)
        value = evaluators[track.number].judged(found.order)[0]
        if value < best[0]:
            best = (value, found, track)
    _, chosen, track = best
    if chosen is None:
        raise RunFailed("no schedule that was found keeps to the priorities")
    return Schedule(
        workload_hash=problem.workload.hash,
        machine=problem.machine.name,
        policy=SEARCH,
        settings=Settings(problem.workload.seed, track.layout, "margin"),
        dispatches=track.searcher.dispatches(chosen.order),
    )
