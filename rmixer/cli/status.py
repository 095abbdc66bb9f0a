"""``rmixer status``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rmixer.files.typed_files import plain

if TYPE_CHECKING:
    from executor.overview.run_view import RunView

_TITLES = {".": "best schedule", "sequential": "one job at a time", "repeat": "best schedule again"}


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(run: Path, as_json: bool) -> None:
    """Show the progress of the run in the folder RUN: its state, its jobs, and its expected end. It
    only reads the run's journal."""
    from executor.overview.journal_view import view_of
    from rmixer.cli.asking import executing_folder
    from rmixer.cli.console import console, print_json
    from rmixer.cli.run_table import run_page

    folder = executing_folder(run)
    found = {part: view_of(folder.path / part) for part in folder.begun}
    views = {part: view for part, view in found.items() if view is not None}
    if as_json:
        print_json({"executions": [_as_json(part, view) for part, view in views.items()]})
        return
    if not views:
        console().print(f"{run}: it has not begun to execute", markup=False, soft_wrap=True)
    for part, view in views.items():
        if len(views) > 1:
            console().print(f"{_TITLES.get(part, part)}:", markup=False)
        console().print(run_page(view, str(run)), soft_wrap=True)


def _as_json(part: str, view: RunView) -> dict[str, Any]:
    """An execution for a program: its view, ``part`` (its place in the run folder), and the number
    of jobs in each state. Ends are seconds since 1970."""
    end_s = None
    if view.looked_s is not None and view.ends_in_s is not None:
        end_s = view.looked_s + view.ends_in_s
    return {"part": part, **plain(view), "counts": dict(view.counts), "predicted_end_s": end_s}
