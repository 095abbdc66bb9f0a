"""Simulates every policy on every cut of the machine, and ranks the results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from experiments.run_files.sweep_file import ROUGH, Finalist, SweepRow, ranked
from experiments.stages.candidates import (
    BASELINE,
    Candidate,
    Trial,
    candidates,
    layout_of,
    score_s,
)
from experiments.stages.layouts import grid
from experiments.stages.over_cores import in_order
from experiments.stages.prediction import doubts, with_intervals
from experiments.stages.racing import is_solved, rounds
from experiments.stages.search_wish import SEARCH, Searched, SearchWish, Setting
from profiles.machines.limits import usable_cores
from rmixer.errors import RunFailed
from rmixer.model_profile.doubts import doubts_about
from rmixer.policies import every_policy, make_policy
from rmixer.run_record.run_summary import RunSummary
from rmixer.scheduling.problem import Problem
from rmixer.scheduling.schedule import Schedule
from rmixer.scheduling.step_times import StepTimes
from rmixer.scheduling.wanted_slots import Wanted
from sim.job_level.simulate import SimulatedRun
from sim.planning.completion_bound import bound_of
from sim.planning.lower_bound import LowerBound
from sim.planning.objective import Objective

MOST_FINALISTS = 5
"""The number of policies whose completions are kept, with the best one."""
LEAST_IN_A_PROCESS = 32
"""For fewer candidates another process is not worth its start."""


@dataclass(frozen=True)
class SweepWish:
    """The settings of a sweep: ``policies`` (all, if none are named) on the ``wanted`` cuts (by
    default all of :func:`~experiments.stages.layouts.grid`); the objective; and the search for a
    better schedule (None: no search)."""

    policies: Sequence[str] = ()
    wanted: Wanted = field(default_factory=Wanted)
    objective: Objective = "makespan"
    search: SearchWish | None = None


@dataclass(frozen=True)
class Sweep:
    """The rows, ranked, and the best schedule as it was simulated, with its intervals; ``problem``
    has its jobs at the batches that it gives them.
    ``sequential`` is the same for the baseline, one job at a time, by ``sequential_schedule``.
    ``finalists`` are the best rows of the next best policies
    (:func:`finalists`); ``bound`` is a figure of the objective that
    no schedule can beat, ``best_s`` that of the best schedule, ``searched`` the result of a search,
    if there was one; ``interrupted`` is true if a user broke off the sweep or its search."""

    rows: tuple[SweepRow, ...]
    best: Candidate
    problem: Problem
    schedule: Schedule
    predicted: SimulatedRun
    sequential: SimulatedRun
    sequential_schedule: Schedule
    bound: LowerBound
    objective: Objective = "makespan"
    searched: Searched | None = None
    finalists: tuple[Finalist, ...] = ()
    best_s: float = 0.0
    interrupted: bool = False


def sweep(
    problem: Problem,
    step_times: StepTimes,
    wish: SweepWish | None = None,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
    processes: int | None = None,
) -> Sweep:
    """Simulates every candidate at the job level and ranks them; the best is then predicted again
    at the level it needs.

    All are simulated with rough step times first. ``step_times`` are asked for those that can still
    win (:func:`sim.planning.two_fidelities.settle`); the figures of the others are corrected by
    their ratio, and marked as rough. Then a better schedule is searched for, if that is wished, and
    every row gets the bound of all schedules.

    ``progress`` is called with (done, total). A candidate whose policy starves a job, or whose jobs
    would need more memory than there is, is left out and its row says so; raises :class:`RunFailed`
    if all are, and if a policy itself is wrong: its answer cannot be carried out, or it raises an
    error.

    Rough simulations run in ``processes``: by default one a core, fewer for few candidates. The
    result is the same for any number. Of a long queue not all candidates are simulated
    (:func:`~experiments.stages.racing.rounds`), and none by precise step times. KeyboardInterrupt
    ends it with what is known then; it is raised if nothing is.
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
        for places in rounds(problem, tried, lambda at: score_s(known[at], wish.objective)):
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
    if not is_solved(problem, tried[order[0]]):
        step_times = trial.step_times = trial.rough
    elif trial.rough is not step_times and not interrupted:
        interrupted = not trial.make_precise(rows, tried, wish.objective)
    progress(1, 1)
    layouts = [*(each.layout for each in tried), *(cut.layout(problem.machine) for cut in cuts)]
    bound = bound_of(problem, layouts if wish.wanted.said() else (), wish.objective)
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
    rows = [row.bounded(bound, wish.objective) for row in rows]
    ranking = ranked(rows, wish.objective)
    by_row = {id(row): each for row, each in zip(rows, tried, strict=False)}
    best = by_row[id(ranking[0])]
    predicted = trial.run(best, step_times, "auto")
    schedule, sized = trial.schedule(best, predicted), trial.problem_of(best)
    predicted = with_intervals(sized, schedule, predicted, step_times)
    is_doubted = bool(doubts_about(problem.profiles.values()))
    shown = [replace(row, doubtful=is_doubted) for row in ranking]
    shown[0] = replace(shown[0], doubtful=bool(doubts(sized.profiles, predicted.summary)))
    return Sweep(
        tuple(shown),
        best,
        sized,
        schedule,
        predicted,
        with_intervals(problem, trial.alone_schedule, trial.sequential, step_times),
        trial.alone_schedule,
        bound,
        wish.objective,
        searched,
        finalists(ranking, lambda row: trial.run(by_row[id(row)], step_times, "job").summary),
        trial.filled(best, predicted.summary).wanted_s(wish.objective) or 0.0,
        interrupted or (searched is not None and searched.interrupted),
    )


def _best_first(rows: Sequence[SweepRow], objective: Objective) -> list[int]:
    """The places of the rows that were simulated, the best first."""
    figures = {index: score_s(row, objective) for index, row in enumerate(rows)}
    known = {index: figure for index, figure in figures.items() if figure is not None}
    return sorted(known, key=lambda index: (known[index], index))


def _no_worse(
    trial: Trial,
    rows: Sequence[SweepRow],
    tried: Sequence[Candidate],
    found: Schedule,
    objective: Objective,
) -> Schedule:
    """The schedule that was ``found``, or that of the best policy if it is better."""
    order = _best_first(rows, objective)
    best = next((index for index in order if rows[index].level != ROUGH), order[0])
    candidate = Candidate(SEARCH, found.settings.layout, found)
    value = score_s(trial.row_of(candidate, trial.step_times), objective)
    policy_s = score_s(rows[best], objective)
    if value is not None and policy_s is not None and value <= policy_s:
        return found
    run = trial.run(tried[best], trial.step_times, "job")
    return replace(trial.schedule(tried[best], run), policy=SEARCH)


def finalists(
    order: Sequence[SweepRow], summary_of: Callable[[SweepRow], RunSummary]
) -> tuple[Finalist, ...]:
    """The first row of each of the next best policies after the best row's, from rows in ``order``.
    Only rows as precise as the best count, because ``summary_of`` simulates each of them again. One
    job at a time is left out: it is in every sweep."""
    first: dict[str, SweepRow] = {}
    for row in order:
        if row.makespan_s is not None and row.level == order[0].level:
            first.setdefault(_rule(row), row)
    known = (_rule(order[0]), BASELINE)
    chosen = [row for row in first.values() if _rule(row) not in known][: MOST_FINALISTS - 1]
    return tuple(
        Finalist(row.label, tuple(job.completion_s or 0.0 for job in summary_of(row).jobs))
        for row in chosen
    )


def _rule(row: SweepRow) -> str:
    """The policy without its device rule: variants of one rule are similar."""
    return row.policy.partition("@")[0]
