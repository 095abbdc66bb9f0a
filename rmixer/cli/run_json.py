"""``rmixer status --json``."""

from __future__ import annotations

from typing import Any

from executor.overview.run_view import RunView
from rmixer.files.typed_files import plain


def run_json(part: str, view: RunView) -> dict[str, Any]:
    """An execution for a program: its view, ``part`` (its place in the run folder), and the number
    of jobs in each state. Ends are seconds since 1970."""
    found: dict[str, Any] = plain(view)
    looked_s = view.looked_s
    known = looked_s is not None and view.ends_in_s is not None
    end_s = (looked_s or 0.0) + (view.ends_in_s or 0.0) if known else None
    return {"part": part, **found, "counts": dict(view.counts), "predicted_end_s": end_s}
