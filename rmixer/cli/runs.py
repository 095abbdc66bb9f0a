"""``rmixer runs``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(folder: Path | None, as_json: bool) -> None:
    """List the runs in FOLDER (default: runs) with their kind, progress and size on disk."""
    from experiments.run_files.found_runs import runs_in
    from experiments.tables.runs_table import runs_table
    from rmixer.cli.console import console, print_json

    place = folder or Path("runs")
    found = list(runs_in(place)) if folder or place.exists() else []
    if as_json:
        print_json(found)
    elif found:
        console().print(runs_table(found))
    else:
        console().print(f"no runs in {place}", markup=False, soft_wrap=True)
