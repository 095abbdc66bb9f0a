"""``rmixer report``."""

from __future__ import annotations

from pathlib import Path

import click

from rmixer.errors import InputError
from rmixer.files.writable import check_out

NAME = "report.html"


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help=f"Default: RUN/{NAME}.")
def command(run: Path, out: Path | None) -> None:
    """Write one HTML page about the run in the folder RUN: what was trained, how it ran, and how
    good the prediction was. The page needs no network and no other file."""
    from experiments.run_files.run_folder import RunFolder

    folder = RunFolder.open(run)
    path = out or folder.path / NAME
    check_file(path)

    from experiments.report.page import write_report
    from rmixer.cli.console import console, report

    for note in write_report(folder, path):
        report(note)
    console().print(f"report: {path}", soft_wrap=True, markup=False)


def check_file(path: Path) -> None:
    """Raises :class:`InputError` unless a file may be written to ``path``."""
    if path.is_dir():
        raise InputError(path, "--out", "a folder", "the name of a file")
    check_out(path, path.parent)
