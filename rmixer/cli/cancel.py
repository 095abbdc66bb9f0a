"""``rmixer cancel``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("job")
def command(run: Path, job: str) -> None:
    """Cancel JOB of the run in the folder RUN. If it waits, it never starts. If it runs, it stops
    at its next step. Other jobs go on."""
    from executor.overview.journal_view import records_in
    from rmixer.cli.asking import ask, executing_folder, present_execution
    from rmixer.cli.console import console

    place = present_execution(executing_folder(run))
    records_in(place).check_cancel(job)
    console().print(ask(place, "cancel", job, run), markup=False, soft_wrap=True)
