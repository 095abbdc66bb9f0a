"""The signed error of the prediction for each job: step time and completion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from experiments.figures.style import BAD, FAINT, GOOD, INK, look, name_rows, new_figure
from experiments.validation.comparison import Comparison, JobComparison
from rmixer.display.quantities import percent, signed_percent

_WIDTH_IN = 10.0


@dataclass(frozen=True)
class ErrorPanel:
    """One kind of error. ``errors`` are signed fractions, None for a job without one. ``floor`` and
    ``goal`` are None if this kind of error has no floor or no goal."""

    name: str
    errors: tuple[float | None, ...]
    mean_size: float | None
    bias: float | None
    floor: float | None
    goal: float | None


@dataclass(frozen=True)
class JobErrors:
    """``jobs`` from top to bottom; ``states`` are shown for jobs without an error; ``left_out``
    counts jobs with smaller errors that are not shown."""

    jobs: tuple[str, ...]
    states: tuple[str, ...]
    panels: tuple[ErrorPanel, ...]
    left_out: int = 0


def job_error_data(comparison: Comparison, most: int = 60) -> JobErrors:
    """The errors of step and completion, jobs in the order of the comparison; only the ``most``
    largest."""
    floor = comparison.noise_floor
    known = [job.completion.error for job in comparison.jobs if job.completion.error is not None]
    largest = sorted(comparison.jobs, key=_largest, reverse=True)[:most]
    among = {job.id for job in largest}
    shown = [job for job in comparison.jobs if job.id in among]
    return JobErrors(
        jobs=tuple(job.id for job in shown),
        states=tuple(job.state for job in shown),
        left_out=len(comparison.jobs) - len(shown),
        panels=(
            ErrorPanel(
                name="median step",
                errors=tuple(job.step_ms.error for job in shown),
                mean_size=comparison.step_mape,
                bias=comparison.step_bias,
                floor=floor.step if floor is not None else None,
                goal=comparison.verdict.step.goal,
            ),
            ErrorPanel(
                name="completion",
                errors=tuple(job.completion.error for job in shown),
                mean_size=comparison.completion_mape,
                bias=sum(known) / len(known) if known else None,
                floor=floor.completion if floor is not None else None,
                goal=None,
            ),
        ),
    )


def _largest(job: JobComparison) -> float:
    """The larger size of a job's errors; infinite for a job without one."""
    sizes = [abs(e) for e in (job.step_ms.error, job.completion.error) if e is not None]
    return max(sizes, default=math.inf)


def draw_job_errors(data: JobErrors, title: str = "Error of the prediction by job") -> Figure:
    """Draws a panel for the step and one for completion, a mark a job: right of zero is predicted
    too long, left too short. The grey band is the noise floor, the dashed lines are the goal."""
    height_in = 1.75 + 0.24 * max(2, len(data.jobs))
    if data.left_out:
        title = f"{title} ({data.left_out} with smaller errors are not shown)"
    with look():
        figure = new_figure(_WIDTH_IN, height_in, title)
        grid = figure.subplots(1, len(data.panels), sharey=True, sharex=True, squeeze=False)
        for axes, panel in zip(grid[0], data.panels, strict=True):
            _draw_panel(axes, panel, data)
        reach = _reach(data)
        grid[0, 0].set_xlim(-reach, reach)
        figure.legend(handles=_legend(data.panels), loc="outside lower left", ncols=4)
    return figure


def _reach(data: JobErrors) -> float:
    """Half the width of the axis: everything shown, and a little room."""
    shown = [
        abs(value)
        for panel in data.panels
        for value in (*panel.errors, panel.floor, panel.goal)
        if value is not None
    ]
    return 1.15 * max(shown, default=0.1)


def _draw_panel(axes: Axes, panel: ErrorPanel, data: JobErrors) -> None:
    if panel.floor is not None:
        axes.axvspan(-panel.floor, panel.floor, color="#dddddd", linewidth=0, zorder=0)
    if panel.goal is not None:
        for edge in (-panel.goal, panel.goal):
            axes.axvline(edge, color=FAINT, linewidth=1.0, linestyle=(0, (4, 3)), zorder=1)
    axes.axvline(0, color=INK, linewidth=0.9, zorder=2)
    for place, (error, state) in enumerate(zip(panel.errors, data.states, strict=True)):
        if error is None:
            text = state if state != "done" else "not known"
            axes.text(0, place, f" {text} ", ha="left", va="center", color=BAD, fontstyle="italic")
            continue
        colour = _colour(error, panel)
        axes.plot([0, error], [place, place], color=colour, linewidth=2.2, zorder=3)
        axes.plot(error, place, "o", color=colour, markersize=6, zorder=4)
    mean = f"mean size {percent(panel.mean_size)}, bias {signed_percent(panel.bias)}"
    axes.set_title(f"{panel.name}: {mean}")
    axes.set_xlabel("(predicted − measured) ÷ measured")
    axes.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10], symmetric=True))
    axes.xaxis.set_major_formatter(FuncFormatter(_axis_percent))
    name_rows(axes, data.jobs)


def _axis_percent(value: float, _position: int | None = None) -> str:
    return "0%" if abs(value) < 1e-12 else f"{100 * value:+.3g}%".replace("-", "−")


def _colour(error: float, panel: ErrorPanel) -> str:
    return BAD if panel.goal is not None and abs(error) > panel.goal else GOOD


def _legend(panels: Sequence[ErrorPanel]) -> list[Line2D | Patch]:
    handles: list[Line2D | Patch] = [_mark(GOOD, "a job")]
    pairs = [(error, panel) for panel in panels for error in panel.errors if error is not None]
    if any(_colour(error, panel) == BAD for error, panel in pairs):
        handles.append(_mark(BAD, "a job beyond the goal"))
    if any(panel.floor is not None for panel in panels):
        handles.append(Patch(facecolor="#dddddd", label="noise floor (two executions)"))
    handles += [
        Line2D([], [], color=FAINT, linestyle=(0, (4, 3)), label=f"goal of {panel.goal:.0%}")
        for panel in panels
        if panel.goal is not None
    ]
    return handles


def _mark(colour: str, label: str) -> Line2D:
    return Line2D([], [], color=colour, marker="o", linewidth=2.2, markersize=6, label=label)
