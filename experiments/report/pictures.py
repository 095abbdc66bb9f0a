"""Draws the figures of a page. An error in one does not affect the others."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from markupsafe import Markup
from matplotlib.figure import Figure

from experiments.figures.gantt import draw_gantt, gantt_data
from experiments.figures.job_error import draw_job_errors, job_error_data
from experiments.figures.learning_curves import (
    ModelCurves,
    Stroke,
    draw_curves,
    learning_curves_data,
    strokes,
)
from experiments.figures.policies import draw_policies, policies_data
from experiments.figures.run_figures import measured_makespans
from experiments.report.inline_svg import inline_svg
from experiments.report.run_content import RunContent
from experiments.report.trained import ranked_jobs
from experiments.run_files.run_folder import RunFolder


@dataclass(frozen=True)
class CurvesPicture:
    """The panels of one model, and the style of each job in them."""

    model: str
    keys: Mapping[str, Stroke]
    panels: tuple[Markup, ...]
    notes: tuple[str, ...]


class Pictures:
    """Draws figures; ``failures`` are the messages of those that could not be drawn."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self._drawn = 0

    def draw(self, what: str, draw: Callable[[], Figure]) -> Markup | None:
        """The figure that ``draw`` makes, described by ``what``; None on an error."""
        self._drawn += 1
        try:
            with warnings.catch_warnings():  # the page is drawn with its reader's fonts, not ours
                warnings.filterwarnings("ignore", "Glyph .* missing from")
                return inline_svg(draw(), f"f{self._drawn}", what)
        except Exception as error:
            self.failures.append(f"{what}: {type(error).__name__}: {error}")
            return None

    def schedule(self, content: RunContent) -> Markup | None:
        """The predicted schedule above the measured one."""
        records = [record for record in (content.predicted, content.executed) if record]
        if not records:
            return None
        timelines = {summary.run: timeline for timeline, summary in records}
        summaries = {summary.run: summary for _, summary in records}
        return self.draw(
            "The schedule",
            lambda: draw_gantt(gantt_data(timelines, content.models, summaries)),
        )

    def errors(self, content: RunContent) -> Markup | None:
        """The errors of the prediction by job."""
        comparison = content.comparison
        if comparison is None or not any(
            error is not None
            for job in comparison.jobs
            for error in (job.step_ms.error, job.completion.error)
        ):
            return None
        return self.draw(
            "Error of the prediction by job",
            lambda: draw_job_errors(job_error_data(comparison)),
        )

    def policies(self, content: RunContent, folder: RunFolder) -> Markup | None:
        """The configurations of a sweep, with the makespans of those that were executed."""
        if not any(row.makespan_s is not None for row in content.sweep):
            return None
        return self.draw(
            "Policies compared",
            lambda: draw_policies(policies_data(content.sweep, measured_makespans(folder))),
        )

    def curves(self, content: RunContent) -> list[CurvesPicture]:
        """The learning curves of jobs, a picture a model."""
        order = [row.summary.id for row in ranked_jobs(content)]
        found = learning_curves_data(content.metrics, content.models, order)
        return [self._of_model(model) for model in found]

    def _of_model(self, model: ModelCurves) -> CurvesPicture:
        keys = strokes(model.jobs)
        drawn = [
            self.draw(f"{model.model}: {panel.title}", partial(draw_curves, panel, keys))
            for panel in model.panels
        ]
        notes = []
        if model.left_out:
            jobs = "job has" if model.left_out == 1 else "jobs have"
            notes.append(f"{model.left_out} more {jobs} curves: shown are those of the best ranks.")
        if model.blank:
            notes.append(f"Without a finite number: {', '.join(model.blank)}.")
        rows = max((curve.rows for panel in model.panels for curve in panel.curves), default=1)
        if rows > 1:
            notes.append(f"A point is the mean of up to {rows} rows of metrics.")
        panels = tuple(svg for svg in drawn if svg is not None)
        return CurvesPicture(model.model, keys, panels, tuple(notes))
