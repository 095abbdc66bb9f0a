"""Copies a machine's profiles into the repository, so that anyone can simulate with them.

``python -m experiments.tools.record_machine NAME [--machine NAME] [--out FOLDER]`` copies the
machine's figures, and its profiles of the library's models with their present code, to
``FOLDER/NAME``. The name is a new one, so that no user of the same hardware takes them for
measurements of their machine.
"""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import click

from profiles.stored.store import RECORDED, Store
from rmixer.errors import InputError
from rmixer.files.typed_files import write_yaml
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.model_profile.profile_files import write_profile
from rmixer.workload.cost_identity import is_present


@click.command()
@click.argument("name")
@click.option("--machine", help="A known machine, or its folder. Default: this one.")
@click.option("--out", type=click.Path(path_type=Path), default=RECORDED, help="A folder.")
def main(name: str, machine: str | None, out: Path) -> None:
    """Copies and prints the number."""
    store = Store()
    known = store.machine(machine) if machine else store.this_machine()
    count = record(known, store.profiles(known.name), name, out)
    click.echo(f"{count} profiles of {name} under {out}")


def record(machine: Machine, profiles: list[ModelProfile], name: str, out: Path) -> int:
    """Writes ``machine`` and its ``profiles`` that are measured with present code, as ``name``,
    below ``out``; returns their number. Raises :class:`InputError` if there are none."""
    kept = [p for p in profiles if p.origin == "measured" and is_present(p.identity)]
    if not kept:
        allowed = "profiles of the library's models: `rmixer profile run MODELS`"
        raise InputError(f"machine {machine.name}", "profiles", "none to keep", allowed)
    write_yaml(out / name / "machine.yaml", replace(machine, name=name))
    for profile in kept:
        folder = out / name / profile.key
        write_profile(folder, replace(profile, machine=name))
        pack(folder / "operators.csv")
    return len(kept)


def pack(path: Path) -> None:
    """Replaces ``path`` by ``<path>.gz``, with the same bytes for the same content."""
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    path.unlink()


if __name__ == "__main__":
    main()
