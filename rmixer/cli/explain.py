"""``rmixer explain``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run", metavar="RUN|SWEEP", type=click.Path(path_type=Path))
@click.option("--machine", help="The machine of the run, if it was given as a folder.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(run: Path, machine: str | None, as_json: bool) -> None:
    """Say what limits the predicted schedule in the folder RUN or SWEEP, which job is slowed most
    by which co-running jobs, and what one more slot, GPU or core, or half the batch would bring.
    Each change is simulated."""
    from experiments.run_files.run_folder import RunFolder

    RunFolder.open(run)

    from experiments.stages.explain import explain
    from experiments.tables.explanation_lines import explanation_lines
    from rmixer.cli.bars import bar
    from rmixer.cli.console import console, print_json, report

    with bar("simulating again") as progress:
        found = explain(run, report, progress, machine)
    if as_json:
        print_json(found)
        return
    for line in explanation_lines(found):
        console().print(line, markup=False, soft_wrap=True)
