"""Finds the workloads that come with RMixer by their bare names."""

from __future__ import annotations

from pathlib import Path

from rmixer.errors import InputError, choice

FOLDER = Path(__file__).resolve().parents[2] / "experiments" / "workloads"


def workload_path(said: Path) -> Path:
    """The file ``said`` or, if there is none, the bundled workload of this bare name, with or
    without ``.yaml``. Raises :class:`InputError` for an unknown bare name."""
    if said.exists() or said.name != str(said) or said.suffix == ".json":
        return said
    names = {found.stem: found for found in FOLDER.glob("*.yaml")}
    name = said.name.removesuffix(".yaml")
    if name not in names:
        allowed = f"a workload file, or a bundled workload: {choice(name, names)}"
        raise InputError(said, "", "no such file", allowed)
    return names[name]
