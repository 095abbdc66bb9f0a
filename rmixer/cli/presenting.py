"""Prints the results of a command: plans, predictions, comparisons, figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.run_files.run_folder import MEASURED, RunFolder
from experiments.stages.candidates import BASELINE
from experiments.stages.comparing import validate_run
from experiments.stages.drawn_figures import figures_of
from experiments.stages.execution import open_questions
from experiments.tables.comparison_table import print_comparison
from experiments.tables.sweep_table import sweep_table
from experiments.tables.trained_table import print_trained
from experiments.validation.comparison import Comparison
from rmixer.cli.console import console, report
from rmixer.display.quantities import seconds, with_range
from rmixer.errors import RunFailed
from rmixer.workload.workload import Workload
from sim.planning.objective import in_words

if TYPE_CHECKING:  # with all stages
    from experiments.stages.pipeline import Plan
    from experiments.stages.sweep import Sweep


def present_plan(plan: Plan, workload: Workload) -> None:
    """Prints the cost and the saving of a run."""
    out = console()
    jobs, steps = len(workload.jobs), sum(job.steps for job in workload.jobs)
    out.print(f"{workload.name}: {jobs} job{'s' if jobs > 1 else ''}, {steps} training steps")
    for line in open_questions(workload):
        out.print(line, soft_wrap=True, markup=False)
    missing = plan.profiling.missing
    names = ", ".join(
        job.model if job.command else f"{job.model} at batch {job.batch}" for job in missing
    )
    cost = f"about {seconds(plan.profiling.seconds)}: {names}" if missing else "nothing, all known"
    out.print(f"profiling: {cost}")
    if plan.sweep is None:
        out.print("predicted finish: known once these are profiled (`rmixer profile run`)")
        return
    present_ranking(plan.sweep, plan.doubtful)
    present_saving(plan.sweep, plan.doubtful)


def present_ranking(sweep: Sweep, doubtful: Sequence[str], where: str = "") -> None:
    """Prints the table of a sweep, whose title says ``where`` and if it is ``doubtful``, the bound
    of all schedules, and the result of a search."""
    out, mark = console(), " (doubtful)" if doubtful else ""
    title = f"Predicted schedules{where}, best first{mark}"
    out.print(sweep_table(sweep.rows, title, objective=sweep.objective))
    bound, best_s = sweep.bound, sweep.best_s
    what = "" if sweep.objective == "makespan" else f"{in_words(sweep.objective)} "
    if bound.bound_s > 0:
        gap = bound.gap(best_s) or 0.0
        least = f"at least {seconds(bound.bound_s)} ({bound.in_words})"
        out.print(f"best possible: {what}{least}; gap {gap:.1%}{_again(sweep)}")
    elif best_s > 0:
        out.print(f"best possible: {what}unknown, no bound above 0 s; found {seconds(best_s)}")
    if (searched := sweep.searched) is not None:
        a_second = searched.evaluations / max(searched.elapsed_s, 1e-9)
        broken_off = ", broken off" if searched.interrupted else ""
        out.print(
            f"searched {seconds(searched.elapsed_s)}{broken_off}: {searched.evaluations:,} "
            f"schedules, {a_second:,.0f} a second"
        )


def _again(sweep: Sweep) -> str:
    """A note if the best schedule was simulated again at another level than its row."""
    level = sweep.predicted.summary.level
    if level == sweep.rows[0].level:
        return ""
    return f" (the best schedule takes {seconds(sweep.best_s)} at the {level} level)"


def present_saving(sweep: Sweep, doubtful: Sequence[str] = (), machine: str | None = None) -> None:
    """Prints the predicted finish of the best schedule and of one job at a time, and why it is
    ``doubtful``."""
    best, alone = sweep.predicted.summary, sweep.sequential.summary
    best_s, alone_s = best.makespan_s, alone.makespan_s
    finish = with_range(best_s, best.makespan_interval_s)
    sequential = with_range(alone_s, alone.makespan_interval_s)
    console().print(f"predicted finish: {finish} with {sweep.best.policy}")
    saved = saving_words(best_s, alone_s, doubtful)
    console().print(f"one at a time ({BASELINE}): {sequential}; {saved}")
    present_doubts(doubtful, machine)


def present_doubts(doubtful: Sequence[str], machine: str | None = None) -> None:
    """Prints why figures are doubtful, if they are. ``machine`` is the one that was asked for, None
    for this one."""
    if doubtful:
        lines = doubt_lines(doubtful, machine)
        console().print("\n".join(lines), markup=False)


def doubt_lines(doubtful: Sequence[str], machine: str | None = None, most: int = 5) -> list[str]:
    """The same in at most ``most`` lines, with advice."""
    more = [f"  and {len(doubtful) - most} more"] if len(doubtful) > most else []
    again = "  end other programs on the machine, then `rmixer profile run --again`"
    if machine is not None:
        again = f"  these are stored profiles of {machine}: only there can they be measured again"
    return ["doubtful:", *(f"  {line}" for line in doubtful[:most]), *more, again]


def saving_words(best_s: float, alone_s: float, doubtful: Sequence[str] = ()) -> str:
    """``200.9 s saved, 2.78× as fast``: a schedule of ``best_s`` compared with ``alone_s``."""
    saved_s, mark = alone_s - best_s, " (doubtful)" if doubtful else ""
    if abs(saved_s) < 0.005:
        return f"nothing saved{mark}"
    words = f"{seconds(saved_s)} saved" if saved_s > 0 else f"{seconds(-saved_s)} longer"
    return f"{words}, {alone_s / best_s:.2f}× as fast{mark}"


def present_comparison(folder: RunFolder) -> Comparison:
    """Prints the training, compares it with the prediction, prints and draws that; a figure that
    fails loses nothing."""
    comparison = validate_run(folder)
    if (measured := folder.read(MEASURED)) is not None:
        print_trained(console(), measured[1], folder.workload, folder.path)
    print_comparison(console(), comparison)
    present_figures(folder)
    return comparison


def present_figures(folder: RunFolder, *, again: bool = False) -> None:
    """Draws every figure that the run has data for; figures of unchanged data only with
    ``again``."""
    drawn, failures = figures_of(folder, again=again)
    for failure in failures:
        report(f"figure not drawn: {failure}")
    console().print(f"run folder: {folder.path}", soft_wrap=True)
    if drawn:
        console().print(f"figures: {', '.join(path.name for path in drawn)}", soft_wrap=True)


def check_max_error(comparison: Comparison, max_error: float | None) -> None:
    """Raises :class:`RunFailed` if an error exceeds ``max_error``."""
    if max_error is None:
        return
    found = {
        "steps alone": comparison.solo_step_mape,
        "steps together": comparison.step_mape,
        "makespan": comparison.makespan.error,
    }
    missed = [
        f"{name} {abs(error):.1%}"
        for name, error in found.items()
        if error is not None and abs(error) > max_error
    ]
    if missed:
        raise RunFailed(f"errors above --max-error {max_error:.0%}: {', '.join(missed)}")
