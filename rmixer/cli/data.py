"""``rmixer data prepare`` and ``rmixer data list``."""

from __future__ import annotations

import click

from rmixer.cli.numbers import FiniteRange
from rmixer.errors import InputError


@click.group()
def command() -> None:
    """Prepare data sets for training, and list them."""


@command.command()
@click.argument("name")
@click.argument("path", metavar="PATH|synthetic")
@click.option("--strict", is_flag=True, help="Stop at the first malformed line.")
@click.option(
    "--max-malformed",
    type=FiniteRange(0.0, 1.0),
    help="Stop when more than this share of a file's lines is malformed. [default: 0.001]",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Number of parsing processes. [default: all cores]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def prepare(
    name: str,
    path: str,
    strict: bool,
    max_malformed: float | None,
    workers: int | None,
    as_json: bool,
) -> None:
    """Convert the raw files of data set NAME under PATH to arrays for training, or make its
    synthetic copy. After an interruption, the same command goes on."""
    from rmixer.cli.bars import bar
    from rmixer.cli.console import console, print_json, report
    from rmixer.cli.data_tables import preparation_table
    from rmixer.data.making import Making
    from rmixer.data.malformed import Limits
    from rmixer.data.preparation import read_preparation
    from rmixer.data.prepare import prepare as prepare_dataset

    if strict and max_malformed is not None:
        raise InputError("--max-malformed", "", max_malformed, "not together with --strict")
    share = Limits().share if max_malformed is None else max_malformed
    how = Making(Limits(share, strict), workers, bar, report)
    try:
        folder = prepare_dataset(name, path, how)
    except KeyboardInterrupt:
        report("what was read is kept: the same command goes on with it")
        raise
    found = read_preparation(folder)
    if as_json:
        print_json({"folder": str(folder), "preparation": found})
    else:
        console().print(preparation_table(found, folder))


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(as_json: bool) -> None:
    """List the prepared data sets, and all that can be prepared."""
    from rmixer.cli.console import console, print_json
    from rmixer.cli.data_tables import datasets_table, prepared_table
    from rmixer.data.preparation import prepared_folders
    from rmixer.data.registry import DATASETS
    from rmixer.files.home import home

    place = home() / "data"
    prepared = list(prepared_folders(place))
    if as_json:
        known = [
            {"name": entry.name, "title": entry.title, "source": entry.source}
            for entry in DATASETS.values()
        ]
        print_json({"folder": str(place), "prepared": prepared, "data_sets": known})
        return
    if prepared:
        console().print(prepared_table(prepared, place))
    console().print(datasets_table(DATASETS.values()))
