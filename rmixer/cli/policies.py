"""``rmixer policies``."""

from __future__ import annotations

import inspect

import click
from rich.table import Table

from rmixer.cli.console import console, print_json
from rmixer.policies import POLICIES


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """List the scheduling policies."""
    rules = {
        name: " ".join((inspect.getdoc(kind) or "").split()) for name, kind in POLICIES.items()
    }
    if as_json:
        print_json([{"name": name, "rule": rule} for name, rule in rules.items()])
        return
    table = Table(title="Policies", title_justify="left")
    table.add_column("name")
    table.add_column("rule")
    for name, rule in rules.items():
        table.add_row(name, rule)
    console().print(table)
