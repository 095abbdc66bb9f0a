"""``finalists.json``: when every job of a sweep's best policies would be done."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rmixer.files.strict import Strict
from rmixer.files.typed_files import load_json, parse, write_json

FINALISTS = "finalists.json"


@dataclass(frozen=True)
class Finalist(Strict):
    """A configuration by its ``label`` (:attr:`SweepRow.label`), and the completion of each job of
    the workload in its order, from the job's arrival to its end."""

    label: str
    completions_s: tuple[float, ...]


def write_finalists(folder: Path, finalists: tuple[Finalist, ...]) -> None:
    """Write ``finalists.json``."""
    write_json(folder / FINALISTS, finalists)


def read_finalists(folder: Path) -> tuple[Finalist, ...]:
    """Those of a run folder; none if it holds none, as of earlier releases."""
    path = folder / FINALISTS
    if not path.exists():
        return ()
    return parse(load_json(path, "list of finalists"), tuple[Finalist, ...], path)
