"""``finalists.json``: the predicted end of every job under the best policies of a sweep."""

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
    """Writes ``finalists.json``."""
    write_json(folder / FINALISTS, finalists)


def read_finalists(folder: Path) -> tuple[Finalist, ...]:
    """The finalists of a run folder; none if it has no such file, as in earlier releases."""
    path = folder / FINALISTS
    if not path.exists():
        return ()
    return parse(load_json(path, "list of finalists"), tuple[Finalist, ...], path)
