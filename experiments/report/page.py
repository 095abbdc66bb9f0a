"""Writes the page of a run: one HTML file that needs no other."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from experiments.report.candidates import candidates_table
from experiments.report.pictures import Pictures
from experiments.report.predicted import (
    errors_table,
    same_work,
    statements,
    unknown_words,
    verdict_table,
)
from experiments.report.provenance import facts
from experiments.report.ran import (
    counts_words,
    devices_table,
    executions_table,
    failures_table,
    ran_words,
    slots_table,
)
from experiments.report.run_content import RunContent, read_content
from experiments.report.trained import best_table, jobs_table
from experiments.run_files.run_folder import RunFolder
from rmixer.display.printable import few, printable
from rmixer.display.quantities import seconds, signed_percent
from rmixer.files.typed_files import write_text

STATE_WORDS = {
    "running": "This run goes on. The page shows it as it was when the page was written.",
    "stopped": "The process of this run was killed. Jobs that were running count as "
    "interrupted; `rmixer execute --resume` goes on with it.",
    "elsewhere": "This run is on another machine: its progress cannot be seen from here.",
    "interrupted": "This run was interrupted; `rmixer execute --resume` goes on with it.",
    "failed": "This run ended before its jobs did; `rmixer execute --resume` goes on with it.",
}


def write_report(folder: RunFolder, path: Path) -> tuple[str, ...]:
    """Writes the page of the run in ``folder`` to ``path``. Returns a line for each thing that
    could not be read or drawn. Raises :class:`~rmixer.errors.InputError` for a damaged folder."""
    html, notes = render(folder)
    write_text(path, html)
    return notes


def render(folder: RunFolder) -> tuple[str, tuple[str, ...]]:
    """The page, and a line for each thing that could not be read or drawn."""
    content, pictures = read_content(folder), Pictures()
    comparison = content.comparison
    parts = {
        "content": content,
        "head": head_figures(content),
        "banner": STATE_WORDS.get(content.state or ""),
        "modelled": content.summary is not None and content.summary.origin == "modelled",
        "jobs": jobs_table(content),
        "best": best_table(content),
        "curves": pictures.curves(content),
        "curves_missing": _curves_missing(content),
        "executions": executions_table(content),
        "schedule": pictures.schedule(content),
        "devices": devices_table(content),
        "slots": slots_table(content),
        "ran": ran_words(content),
        "failures": failures_table(content),
        "traces": {job: printable(text) for job, text in content.traces.items()},
        "candidates": candidates_table(content.sweep) if content.sweep else None,
        "policies": pictures.policies(content, folder),
        "statements": statements(comparison) if comparison else [],
        "unknown": unknown_words(content),
        "errors": errors_table(comparison) if comparison else None,
        "errors_drawn": pictures.errors(content),
        "verdicts": verdict_table(comparison) if comparison else None,
        "facts": facts(content),
    }
    cut = (f"{error} (this row and those after it are left out)" for error in content.metrics.wrong)
    notes = (*content.notes, *cut, *(f"figure not drawn: {text}" for text in pictures.failures))
    loader = PackageLoader("experiments.report", "page")
    pages = Environment(
        loader=loader,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    pages.filters["code"] = with_code
    return pages.get_template("page.html").render(notes=notes, **parts), notes


def with_code(text: str) -> Markup:
    """``text``, with the parts between backticks as code."""
    parts = (escape(part) for part in text.split("`"))
    marked = [Markup("<code>{}</code>").format(p) if n % 2 else p for n, p in enumerate(parts)]
    return Markup("").join(marked)


def head_figures(content: RunContent) -> dict[str, str]:
    """The figures that a reader looks for first, by name."""
    summary, comparison = content.summary, content.comparison
    found = {"jobs": str(len(summary.jobs if summary else content.workload.jobs))}
    if content.executed is not None:
        found["jobs"] = counts_words(content.executed[1].jobs, content.goes_on)
        found["makespan"] = seconds(content.executed[1].makespan_s)
    if content.predicted is not None:
        found["makespan, predicted"] = seconds(content.predicted[1].makespan_s)
    if summary is not None:
        found["policy"] = summary.policy
        if summary.samples_per_s:
            found["samples/s"] = f"{summary.samples_per_s:,.0f}"
    if comparison is not None:
        if same_work(comparison):
            found["error of the makespan"] = signed_percent(comparison.makespan.error)
        if comparison.speedup is not None and comparison.speedup.factor is not None:
            found["against one at a time"] = f"{comparison.speedup.factor:.2f} times as fast"
        found["verdict"] = comparison.verdict.overall
    return found


def _curves_missing(content: RunContent) -> str:
    if content.executed is None:
        return "Nothing was trained: this run only simulates."
    if not content.metrics:
        return (
            "This run kept no metrics over time (an earlier release, or only programs): there are "
            "only final figures."
        )
    without = [
        job.id for job in content.executed[1].jobs if job.started and job.id not in content.metrics
    ]
    return f"Without metrics over time: {few(without, 8)}." if without else ""
