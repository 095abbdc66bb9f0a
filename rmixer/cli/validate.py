"""``rmixer validate``."""

from __future__ import annotations

from pathlib import Path

import click

from rmixer.cli.numbers import FiniteRange


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--max-error",
    type=FiniteRange(min=0),
    help="Fail if an error (steps alone, steps together, makespan) exceeds this fraction.",
)
@click.option("--json", "as_json", is_flag=True, help="Print compare.json.")
def command(run: Path, max_error: float | None, as_json: bool) -> None:
    """Compare prediction and measurement of the run in the folder RUN: a table, compare.json and
    a trace of both."""
    from experiments.run_files.run_folder import RunFolder
    from experiments.stages.comparing import validate_run
    from experiments.tables.comparison_table import print_comparison
    from rmixer.cli.console import console, print_json
    from rmixer.cli.presenting import check_max_error

    folder = RunFolder.open(run)
    comparison = validate_run(folder)
    if as_json:
        print_json(comparison)
    else:
        print_comparison(console(), comparison)
    check_max_error(comparison, max_error)
