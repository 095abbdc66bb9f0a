"""The type of an argument that names a workload."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from rmixer.workload.bundled import workload_path


class WorkloadPath(click.Path):
    """The path of a workload file, or the bare name of a bundled workload."""

    name = "workload"

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Finds the file; called by click."""
        return workload_path(Path(os.fsdecode(super().convert(value, param, ctx))))
