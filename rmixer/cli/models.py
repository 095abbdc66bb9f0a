"""``rmixer models``."""

from __future__ import annotations

import click
from rich.table import Table

from rmixer.cli.console import console, print_json
from rmixer.models.registry import MODELS


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """List the models with their configuration, data set and paper."""
    if as_json:
        print_json(list(MODELS.values()))
        return
    table = Table(title="Models", title_justify="left")
    for name in ("name", "model", "data set", "batch", "optimizer", "paper"):
        table.add_column(name, justify="right" if name == "batch" else "left")
    for entry in MODELS.values():
        optimizer = f"{entry.optimizer} {entry.lr:g}"
        table.add_row(
            entry.name, entry.title, entry.dataset, str(entry.batch), optimizer, entry.paper
        )
    console().print(table)
