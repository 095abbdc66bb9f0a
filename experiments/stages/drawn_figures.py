"""Keeps drawn figures of a run: drawing takes seconds, and a run that is shown again has them."""

from __future__ import annotations

import hashlib
import importlib.metadata
from dataclasses import dataclass
from pathlib import Path

from experiments.run_files.run_folder import RunFolder
from profiles.stored.store import Store
from rmixer.errors import InputError
from rmixer.files.typed_files import load_json, parse, write_json

DRAWN = "drawn.json"
_FOLDER = "figures"
_DATA = (".csv", ".json", ".yaml")
_TRACE = "trace.json"
"""The same data in a large file that no figure uses."""
_ROOT = Path(__file__).resolve().parents[2]
_CODE = ("experiments", "profiles", "rmixer")
_LIBRARIES = ("matplotlib", "seaborn")


@dataclass(frozen=True)
class Drawn:
    """The names of the ``figures`` in the folder, and a hash of their data, ``what``."""

    what: str
    figures: tuple[str, ...]


def figures_of(folder: RunFolder, *, again: bool = False) -> tuple[list[Path], list[str]]:
    """The figures of the run in ``folder``, and the messages of those that could not be drawn.

    They are drawn unless all of them are there, from the same data and by the same code; with
    ``again`` always.
    """
    place = folder.path / _FOLDER
    what = _drawn_from(folder)
    if not again and (known := _known(place, what)):
        return known, []

    from experiments.figures.run_figures import draw_run  # here: it imports matplotlib and seaborn

    drawn, failures = draw_run(folder)
    if drawn and not failures:
        write_json(place / DRAWN, Drawn(what, tuple(path.name for path in drawn)))
    return drawn, failures


def _known(place: Path, what: str) -> list[Path]:
    """The figures in ``place`` that were drawn from ``what``; empty unless all are there."""
    try:
        drawn = parse(load_json(place / DRAWN, "list of figures"), Drawn, place / DRAWN)
    except InputError:  # not there, or damaged
        return []
    paths = [place / name for name in drawn.figures]
    return paths if drawn.what == what and all(path.is_file() for path in paths) else []


def _drawn_from(folder: RunFolder) -> str:
    """A hash of all inputs of the figures: the data of the run, the profiles of its jobs, our code,
    and the versions of the libraries that draw."""
    digest = hashlib.blake2b(digest_size=16)
    for path in (*_data_in(folder.path.resolve()), *_profiles(folder), *_code()):
        content = path.read_bytes()
        digest.update(f"{path} {len(content)} ".encode() + content)
    digest.update(" ".join(map(importlib.metadata.version, _LIBRARIES)).encode())
    return digest.hexdigest()


def _data_in(path: Path) -> list[Path]:
    figures = path / _FOLDER
    found = (each for each in path.rglob("*") if each.suffix in _DATA and each.name != _TRACE)
    return sorted(each for each in found if figures not in each.parents and each.is_file())


def _profiles(folder: RunFolder) -> list[Path]:
    store, machine = Store(), folder.machine.name
    keys = sorted({job.identity.key for job in folder.workload.jobs if not job.profile})
    folders = [found for key in keys if (found := store.folder_of(machine, key))]
    return [path for found in folders for path in sorted(found.iterdir()) if path.is_file()]


def _code() -> list[Path]:
    return sorted(path for name in _CODE for path in (_ROOT / name).rglob("*.py"))
