"""Figures of a run, one a file: a function computes the data, another draws it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path

from matplotlib.figure import Figure

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
