"""``rmixer plot``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
def command(run: Path) -> None:
    """Draw all figures of the run in the folder RUN for which it has data."""
    from experiments.run_files.run_folder import RunFolder
    from rmixer.cli.presenting import present_figures

    present_figures(RunFolder.open(run), again=True)
