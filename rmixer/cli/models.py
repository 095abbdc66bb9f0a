"""``rmixer models``."""

from __future__ import annotations

from dataclasses import asdict

import click
from rich.table import Table

from rmixer.cli.console import console, print_json
from rmixer.display.tables import NumberTable
from rmixer.models.corrections import Correction, corrections_of
from rmixer.models.entry import ModelEntry
from rmixer.models.registry import MODELS, model_entry
from rmixer.models.size import ModelSize, model_size


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--rows-cap",
    type=click.IntRange(min=1),
    help="Show the sizes with at most this many rows per table.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(names: tuple[str, ...], rows_cap: int | None, as_json: bool) -> None:
    """List the models with their size, data set and paper; for NAMES also their differences from
    the published code, with reasons."""
    entries = [model_entry(name) for name in names] if names else list(MODELS.values())
    sizes = {entry.name: model_size(entry, rows_cap) for entry in entries}
    if as_json:
        print_json(
            [
                {
                    **asdict(entry),
                    **asdict(sizes[entry.name]),
                    "corrections": corrections_of(entry.name),
                }
                for entry in entries
            ]
        )
        return
    console().print(_table(entries, sizes))
    for entry in entries if names else ():
        console().print(_corrections(entry.name, corrections_of(entry.name)))


def _table(entries: list[ModelEntry], sizes: dict[str, ModelSize]) -> NumberTable:
    table = NumberTable(
        "Models",
        caption="embedding, dense: millions of parameters. memory: weights and optimizer state",
        padding=(0, 1, 0, 0),
    )
    table.words("name", "data set").numbers("embedding", "dense", "memory", "batch")
    table.words("optimizer")
    table.add_column("model, paper")
    for entry in entries:
        size = sizes[entry.name]
        table.add_row(
            entry.name,
            entry.dataset,
            f"{size.embedding_parameters / 1e6:,.1f}",
            f"{size.dense_parameters / 1e6:,.2f}",
            f"{size.kept_bytes / 1e6:,.0f} MB",
            str(entry.batch),
            f"{entry.optimizer} {entry.lr:g}",
            f"{entry.title}, {entry.paper}",
        )
    return table


def _corrections(name: str, corrections: tuple[Correction, ...]) -> Table:
    table = Table(title=f"{name}: departures from the published code", title_justify="left")
    for column in ("published", "ours", "reason"):
        table.add_column(column)
    table.add_column("parameters", justify="right")
    for found in corrections:
        added = found.embedding + found.dense
        table.add_row(found.published, found.ours, found.reason, f"{added:+,}" if added else "")
    return table
