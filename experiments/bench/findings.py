"""Chooses the models of benches, prints their findings, and writes them to files."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import torch
from rich.console import Console, RenderableType

from profiles.machines import limits
from profiles.stored.store import Store
from rmixer.display.tables import WholeTable
from rmixer.files.typed_files import write_json, write_text
from rmixer.hardware.fingerprint import take_fingerprint
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.models.entry import ModelEntry
from rmixer.models.registry import MODELS, model_entry

Columns = Mapping[str, str | Callable[[Any], str]]
"""The value of each column by name: a function of the row, or a format (``{0[mean_ms]:.2f}``)."""
RMIXER = ("criteo_", "avazu_", "amazon_", "alidisplay_", "kdd_", "beauty_")
"""The beginnings of the names of RMixer's models."""

out_option = click.option(
    "--out", type=click.Path(path_type=Path), help="Write JSON here, the table as .txt."
)
machine_option = click.option(
    "--machine", help="A known machine, or its folder. Default: this one."
)
models_option = click.option("--models", help="Names, like criteo_dlrm,rm1. Default: all.")
memory_option = click.option(
    "--memory-gb", type=click.FloatRange(0.1), default=6.0, show_default=True
)


def batches_option(*default: int) -> Callable[[Any], Any]:
    """The option ``--batch``, which may be given several times."""
    return click.option(
        "--batch",
        "batches",
        type=click.IntRange(1),
        multiple=True,
        default=default,
        show_default=True,
    )


def tell(text: str, out: Path | None, found: Any) -> None:
    """Prints ``text``; with ``out`` writes ``found`` there as JSON, and the text next to it."""
    click.echo(text)
    if out:
        write_json(out, found)
        write_text(out.with_suffix(".txt"), text + "\n")


def fingerprint() -> dict[str, Any]:
    """The fingerprint of this machine, for the JSON."""
    return asdict(take_fingerprint(limits.processor_name()))


def as_text(table: RenderableType, width: int = 110) -> str:
    """``table`` as lines of at most ``width`` characters."""
    console = Console(width=width, file=io.StringIO())
    with console.capture() as captured:
        console.print(table)
    return captured.get().rstrip()


def rows_as_text(
    rows: Iterable[Any], columns: Columns, width: int = 110, words: str | None = None
) -> str:
    """A line for each of ``rows``; the first column and the column ``words`` are set left."""
    table = WholeTable(padding=(0, 1, 0, 0), pad_edge=True)
    for place, name in enumerate(columns):
        left = name == words or not place
        table.add_column(name, justify="left" if left else "right", no_wrap=not place)
    for row in rows:
        table.add_row(*(c.format(row) if isinstance(c, str) else c(row) for c in columns.values()))
    return as_text(table, width)


def known_profiles(name: str | None, needed: str) -> tuple[Machine, list[ModelProfile]]:
    """The machine of that name, or this one, and all of its profiles. Raises
    :class:`click.UsageError`, with the command that is ``needed``, if it has none."""
    store = Store()
    machine = store.machine(name) if name else store.this_machine()
    profiles = store.profiles(machine.name)
    if not profiles:
        raise click.UsageError(f"machine {machine.name}: no profiles; allowed: {needed}")
    return machine, profiles


STATES = {"sgd": 1, "rowwise_adagrad": 1, "adagrad": 2, "adam": 3, "adamw": 3}
"""Values that an optimizer holds of each weight, the weight among them."""


def chosen_entries(models: str | None) -> list[ModelEntry]:
    """The named models (``criteo_dlrm,rm1``), or all."""
    return [model_entry(name) for name in (models.split(",") if models else MODELS)]


def fitting_cap(entry: ModelEntry, most_bytes: float) -> int | None:
    """The largest power of ten (or none) that bounds the tables so that two steps of ``entry``
    hold at most ``most_bytes`` of weights and states."""
    caps: tuple[int | None, ...] = (None, 10**8, 10**7, 10**6, 10**5, 10**4)
    for cap in caps:
        with torch.device("meta"):
            parameters = sum(entry.build(cap).parameter_counts())
        if 2 * 4 * parameters * STATES[entry.optimizer] <= most_bytes:
            return cap
    return caps[-1]
