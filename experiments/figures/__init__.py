"""Figures of a run, one a file: a function computes the data, another draws it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path

from matplotlib.figure import Figure

from experiments.figures.batch_breakdown import batch_breakdown_data, draw_batch_breakdown
from experiments.figures.completions import completions_data, draw_completions
from experiments.figures.gantt import draw_gantt, gantt_data
from experiments.figures.job_error import draw_job_errors, job_error_data
from experiments.figures.operators import draw_operators, operators_data
from experiments.figures.pareto import draw_pareto, pareto_data
from experiments.figures.policies import draw_policies, policies_data
from experiments.figures.roofline import draw_rooflines
from experiments.figures.use_over_time import draw_use, use_data

__all__ = [
    "batch_breakdown_data",
    "completions_data",
    "draw_batch_breakdown",
    "draw_completions",
    "draw_gantt",
    "draw_job_errors",
    "draw_operators",
    "draw_pareto",
    "draw_policies",
    "draw_rooflines",
    "draw_use",
    "gantt_data",
    "job_error_data",
    "operators_data",
    "pareto_data",
    "policies_data",
    "save_all",
    "use_data",
]

RESOLUTION_DPI = 160


def save_all(figures: Mapping[str, Callable[[], Figure]], folder: Path) -> list[str]:
    """Draws every figure and saves it as ``<name>.png`` in ``folder``.

    Figures are given as functions, so that an error in one does not stop the others. Its message
    (``gantt: ValueError: ...``) is returned, and no half-written picture is left.
    """
    failures = []
    for name, draw in figures.items():
        path = folder / f"{name}.png"
        half = folder / f".{name}.part.png"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            draw().savefig(half, dpi=RESOLUTION_DPI)
            half.replace(path)
        except Exception as error:
            failures.append(f"{name}: {type(error).__name__}: {error}")
            with contextlib.suppress(OSError):
                half.unlink()
    return failures
