"""Try every policy on every cut of the machine, in simulation, and rank what comes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from experiments.run_files.finalists_file import Finalist
from experiments.run_files.sweep_file import ROUGH, SweepRow, ranked
from experiments.stages.candidates import (
    BASELINE,
    Candidate,
    Trial,
    candidates,
    layout_of,
    wanted_s,
)
from experiments.stages.finalists import finalists
from experiments.stages.layouts import grid
from experiments.stages.over_cores import in_order
from experiments.stages.prediction import with_intervals
from experiments.stages.racing import is_solved, rounds
from experiments.stages.search_wish import SEARCH, Searched, SearchWish, Setting
from profiles.machines.limits import usable_cores
from rmixer.errors import RunFailed
from rmixer.policies import every_policy, make_policy
from rmixer.scheduling.problem import Problem
from rmixer.scheduling.schedule import Schedule
from rmixer.scheduling.step_times import StepTimes
from rmixer.scheduling.wanted_slots import Wanted
from sim.job_level.simulate import SimulatedRun
from sim.planning.lower_bound import LowerBound, lower_bound
from sim.planning.objective import Objective

LEAST_IN_A_PROCESS = 32
"""For fewer candidates another process is not worth its start."""


@dataclass(frozen=True)
class SweepWish:
    """What is tried: ``policies`` (all, if none are named) on the cuts that are ``wanted`` (by
    default all of :func:`~experiments.stages.layouts.grid`); what the best is best at; and how a
    better schedule is searched for, None if it is not."""

    policies: Sequence[str] = ()
    wanted: Wanted = field(default_factory=Wanted)
    objective: Objective = "makespan"
    search: SearchWish | None = None


@dataclass(frozen=True)
class Sweep:
    """All rows, ranked, and the best schedule as it was simulated, with its intervals.
    ``sequential`` is the same for the baseline, one job at a time, by ``sequential_schedule``.
    ``finalists`` are the best rows of the next best policies
    (:func:`~experiments.stages.finalists.finalists`);
    ``bound`` is what no schedule can beat, ``searched`` what a search did, if there was one;
    ``left_out`` says what was not simulated, or not precisely; ``interrupted`` whether a user broke
    it off."""

    rows: tuple[SweepRow, ...]
    best: Candidate
    schedule: Schedule
    predicted: SimulatedRun
    sequential: SimulatedRun
    sequential_schedule: Schedule
    bound: LowerBound
    objective: Objective = "makespan"
    searched: Searched | None = None
    finalists: tuple[Finalist, ...] = ()
    left_out: tuple[str, ...] = ()
    interrupted: bool = False


def sweep(
    problem: Problem,
    step_times: StepTimes,
    wish: SweepWish | None = None,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
    processes: int | None = None,
) -> Sweep:
    """Simulate every candidate at the job level and rank them; the best is then predicted again at
    whatever level it needs.

    All are simulated with rough step times first. ``step_times`` are asked for those that can still
    win (:func:`sim.planning.two_fidelities.settle`); the figures of the others are corrected by
    what these showed, and say that they are rough. Then a better schedule is searched for, if that
    is wished, and every row has the bound of all schedules.

    ``progress`` hears how many of how many are done. A candidate whose policy starves a job, or
    whose jobs would need more memory than there is, is left out and says so in its row; raises
    :class:`RunFailed` if all do, and if a policy itself is wrong: it answers what cannot be done,
    or raises an error.

    Rough simulations run in so many ``processes``: by default one a core, fewer for few candidates.
    The answer is the same for any number. Of a long queue not all candidates are simulated
    (:func:`~experiments.stages.racing.rounds`), and none by precise step times. KeyboardInterrupt
    ends it with what is known then; it is raised where nothing is.
    """
    wish = wish or SweepWish()
    cuts = grid(problem, wish.wanted)
    tried = candidates(problem, wish.policies or tuple(every_policy()), cuts)
    trial = Trial(problem, step_times, layout_of(problem, make_policy(BASELINE), cuts[0]))
    progress(0, len(tried) + 1)
    known: dict[int, SweepRow] = {}
    count = processes or min(len(usable_cores()), len(tried) // LEAST_IN_A_PROCESS)
    interrupted = False
    try:
        for places in rounds(problem, tried, lambda at: wanted_s(known[at], wish.objective)):
            pieces = [[tried[at]] for at in places]
            with closing(in_order(trial.rough_rows, pieces, count)) as found_rows:
                for at, (found,) in zip(places, found_rows, strict=True):
                    known[at] = found
                    progress(len(known), len(tried) + 1)
    except KeyboardInterrupt:
        if not any(row.makespan_s for row in known.values()):
            raise
        interrupted = True
    why = "broken off" if interrupted else "a long queue: other layouts did better"
    rows = [known.get(at) or trial.not_simulated(each, why) for at, each in enumerate(tried)]
    order = _best_first(rows, wish.objective)
    if not order:
        raise RunFailed("; ".join(sorted({row.why for row in rows})))
    rough = trial.rough is not step_times and not is_solved(problem, tried[order[0]])
    if rough:
        step_times = trial.step_times = trial.rough
    elif trial.rough is not step_times and not interrupted:
        interrupted = not trial.make_precise(rows, tried, wish.objective)
    progress(1, 1)
    layouts = [*(each.layout for each in tried), *(cut.layout(problem.machine) for cut in cuts)]
    bound = lower_bound(problem, layouts if wish.wanted.said() else ())
    searched = None
    if wish.search is not None and not interrupted:
        from experiments.stages.searching import search  # here: it imports numba, which is slow

        best_first = [(tried[index].policy, tried[index].layout) for index in order]
        setting = Setting(cuts, wish.wanted, best_first, bound.bound_s, wish.objective)
        try:
            searched = search(problem, step_times, setting, wish.search)
        except RunFailed as error:
            rows.append(SweepRow(SEARCH, why=str(error)))
        else:
            schedule = _no_worse(trial, rows, tried, searched.schedule, wish.objective)
            tried.append(Candidate(SEARCH, schedule.settings.layout, schedule))
            rows.append(trial.row_of(tried[-1], step_times))
    rows = [row.bounded(bound) for row in rows]
    ranking = ranked(rows, wish.objective)
    by_row = {id(row): each for row, each in zip(rows, tried, strict=False)}
    best = by_row[id(ranking[0])]
    predicted = trial.run(best, step_times, "auto")
    schedule = trial.schedule(best, predicted)
    return Sweep(
        tuple(ranking),
        best,
        schedule,
        with_intervals(problem, schedule, predicted, step_times),
        with_intervals(problem, trial.alone_schedule, trial.sequential, step_times),
        trial.alone_schedule,
        bound,
        wish.objective,
        searched,
        finalists(ranking, lambda row: trial.run(by_row[id(row)], step_times, "job").summary),
        _left_out(problem, (len(known), len(tried)), rough=rough, interrupted=interrupted),
        interrupted or (searched is not None and searched.interrupted),
    )


def _left_out(
    problem: Problem, simulated: tuple[int, int], *, rough: bool, interrupted: bool
) -> tuple[str, ...]:
    known, every = simulated
    why = "broken off" if interrupted else "on layouts that did worse with one policy"
    lines = []
    if known < every:
        lines.append(f"not simulated: {every - known:,} of {every:,} candidates ({why})")
    if rough:
        lines.append(f"{len(problem.jobs):,} jobs: all figures rest on rough step times")
    return tuple(lines)


def _best_first(rows: Sequence[SweepRow], objective: Objective) -> list[int]:
    """The places of the rows that were simulated, the best first."""
    figures = {index: wanted_s(row, objective) for index, row in enumerate(rows)}
    known = {index: figure for index, figure in figures.items() if figure is not None}
    return sorted(known, key=lambda index: (known[index], index))


def _no_worse(
    trial: Trial,
    rows: Sequence[SweepRow],
    tried: Sequence[Candidate],
    found: Schedule,
    objective: Objective,
) -> Schedule:
    """The schedule that was ``found``, or that of the best policy, should that be better."""
    order = _best_first(rows, objective)
    best = next((index for index in order if rows[index].level != ROUGH), order[0])
    candidate = Candidate(SEARCH, found.settings.layout, found)
    value = wanted_s(trial.row_of(candidate, trial.step_times), objective)
    policy_s = wanted_s(rows[best], objective)
    if value is not None and policy_s is not None and value <= policy_s:
        return found
    run = trial.run(tried[best], trial.step_times, "job")
    return replace(trial.schedule(tried[best], run), policy=SEARCH)
