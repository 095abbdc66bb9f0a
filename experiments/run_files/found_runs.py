"""Finds the runs in a folder: the kind, progress and size of each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from executor.overview.journal_view import records_in, state_of
from experiments.run_files.run_folder import CONFIG, EXECUTED, MEASURED, RunFolder
from rmixer.errors import InputError
from rmixer.run_record.run_summary import read_summary

ASIDE = re.compile(r".+\.old-[0-9]+")
"""The name of a folder that was moved aside, for a run of other inputs or one that began anew."""


@dataclass(frozen=True)
class FoundRun:
    """A run in the folder ``path``, begun by the command ``command``; that and the name of the
    ``workload`` are empty if they cannot be read. ``state`` is that of its execution
    (:data:`~executor.overview.run_view.RunState`; ``failed`` also if a job has), ``not begun``, or
    ``unreadable``; a simulation is ``done``. ``changed_s`` is the last change of a file in it, in
    seconds since 1970."""

    path: str
    command: str
    workload: str
    state: str
    size_bytes: int
    changed_s: float


def runs_in(folder: Path) -> Iterator[FoundRun]:
    """Yields the runs directly in ``folder``, by name; the folder itself if it is one. Raises
    :class:`InputError` if there is no such folder."""
    if not folder.is_dir():
        raise InputError(folder, "", "no such folder", "a folder of runs")
    places = [folder] if _is_run(folder) else filter(_is_run, sorted(folder.iterdir()))
    for place in places:
        size_bytes, changed_s = _extent(place)
        try:
            command, workload = _begun_as(place)
            state = _state(RunFolder(place), command)
        except (InputError, KeyError, TypeError, ValueError, yaml.YAMLError):
            command = workload = ""
            state = "unreadable"
        yield FoundRun(str(place), command, workload, state, size_bytes, changed_s)


def set_aside_in(folder: Path) -> Iterator[tuple[Path, int]]:
    """Yields folders that RMixer moved aside in ``folder`` and in the runs there, with their bytes:
    whole runs, and executions of runs that began anew. A folder of such a name with other content
    is skipped."""
    for place in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not _is_run(place):
            continue
        if ASIDE.fullmatch(place.name):
            yield place, _extent(place)[0]
            continue
        for inner in sorted(place.iterdir()):
            if ASIDE.fullmatch(inner.name) and _is_execution(inner):
                yield inner, _extent(inner)[0]


def size_of(folder: Path) -> int:
    """The bytes of all files in ``folder``."""
    return _extent(folder)[0]


def _is_run(path: Path) -> bool:
    return (path / CONFIG).is_file() and not path.is_symlink()


def _is_execution(path: Path) -> bool:
    if path.is_symlink() or not path.is_dir():
        return False
    names = {each.name for each in path.iterdir()}
    return bool(names) and names <= set(EXECUTED)


def _extent(folder: Path) -> tuple[int, float]:
    """The bytes of its files, and the last change of one of them. SQLite's
    ``-shm``, which is made when a journal is read, is none, and ``-wal`` tells no time."""
    size_bytes, changed_s = 0, 0.0
    for path in folder.rglob("*"):
        try:
            stat = path.lstat()
        except OSError:  # it was removed in between
            continue
        if path.is_dir() or path.name.endswith("-shm"):
            continue
        size_bytes += stat.st_size
        if not path.name.endswith("-wal"):
            changed_s = max(changed_s, stat.st_mtime)
    return size_bytes, changed_s


def _begun_as(place: Path) -> tuple[str, str]:
    """The command and the workload of a run, from the head of its configuration: its jobs may be
    thousands of lines."""
    lines = []
    with (place / CONFIG).open(encoding="utf-8") as file:
        for line in file:
            if line.rstrip() == "  jobs:":
                break
            lines.append(line)
    head: Any = yaml.safe_load("".join(lines))
    return str(head["command"]), str(head["workload"]["name"])


def _state(folder: RunFolder, command: str) -> str:
    if command not in ("run", "execute"):
        return "done" if (folder.path / MEASURED / "schedule.json").exists() else "not begun"
    if not folder.begun:
        return "not begun"
    place = folder.path / folder.begun[-1]
    state, summary = state_of(records_in(place)), place / "summary.json"
    if state != "done" or not summary.exists():
        return state
    return "failed" if any(job.state == "failed" for job in read_summary(summary).jobs) else state
