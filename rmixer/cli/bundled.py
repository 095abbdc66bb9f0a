"""Finds workloads that come with RMixer by their bare names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

import rmixer
from rmixer.errors import InputError, choice

FOLDER = Path(rmixer.__file__).resolve().parents[1] / "experiments" / "workloads"


class WorkloadPath(click.Path):
    """The path of a workload file. If no such file exists, it may be the bare name of a bundled
    one, with or without ``.yaml``."""

    name = "workload"

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Converts the argument; click calls this."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if path.exists() or path.name != str(path) or path.suffix == ".json":
            return path
        names = {found.stem: found for found in FOLDER.glob("*.yaml")}
        name = path.name.removesuffix(".yaml")
        if name not in names:
            allowed = f"a workload file, or a bundled workload: {choice(name, names)}"
            raise InputError(path, "", "no such file", allowed)
        return names[name]
