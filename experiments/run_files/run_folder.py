"""The folder of a run: what belongs in it, what is in it already, and what must not be lost."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rmixer.errors import InputError
from rmixer.files.direct_file import sync_file
from rmixer.files.typed_files import (
    content_hash,
    load_json,
    load_yaml,
    parse,
    plain,
    write_json,
    write_yaml,
)
from rmixer.hardware.fingerprint import take_fingerprint
from rmixer.hardware.machine import Machine, check_schema, machine_of
from rmixer.run_record.run_summary import RunSummary, read_summary, write_summary
from rmixer.run_record.timeline import Timeline
from rmixer.workload.workload import Workload

SCHEMA_VERSION = 1
CONFIG = "config.yaml"
MEASURED, PREDICTED, REPEAT = ".", "predicted", "repeat"
SEQUENTIAL, SEQUENTIAL_PREDICTED = "sequential", "sequential_predicted"
"""Where in a run folder each execution and prediction lies."""
_PREDICTED = {MEASURED: PREDICTED, SEQUENTIAL: SEQUENTIAL_PREDICTED, REPEAT: PREDICTED}
_EXECUTING = ("run", "execute")
SCHEDULE = "schedule.json"
"""The schedule that a run executes, made beforehand."""
JOURNAL = "journal.sqlite"
EXECUTED = (
    JOURNAL,
    f"{JOURNAL}-wal",
    f"{JOURNAL}-shm",
    "checkpoints",
    "events.csv",
    "summary.json",
    "executed_schedule.json",
    "steps",
    "metrics",
    "models",
    "workers",
    "failures",
    "logs",
    "programs",
)


Earlier = Literal["reuse", "aside", "required"]


@dataclass(frozen=True)
class RunInputs:
    """All that decides what a run does: the ``command``, what it is given, and its own
    ``settings``."""

    command: str
    workload: Workload
    machine: Machine
    settings: Mapping[str, object]

    @property
    def config(self) -> dict[str, Any]:
        """The same as ``config.yaml`` has it."""
        return {
            "schema_version": SCHEMA_VERSION,
            "command": self.command,
            "workload_hash": self.workload.hash,
            "workload": plain(self.workload),
            "machine": plain(self.machine),
            "settings": plain(dict(self.settings)),
        }


class RunFolder:
    """One run's folder. ``config.yaml`` in it marks it as one and holds every input."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(
        cls,
        path: Path,
        inputs: RunInputs,
        report: Callable[[str], None],
        *,
        earlier: Earlier = "reuse",
    ) -> RunFolder:
        """Open ``path`` for a run with ``inputs``.

        An earlier run with the same inputs that lies there is gone on with (``reuse``), or moved
        aside like any other (``aside``), never overwritten; with ``required`` it must be there.
        Raises :class:`InputError` where ``path`` is something else or cannot be written.
        """
        config = inputs.config
        cls.check_target(path)
        if (path / CONFIG).exists():
            known: Any = load_yaml(path / CONFIG, "run configuration")
            same = _inputs_hash(known) == _inputs_hash(config)
            if same and earlier != "aside":
                return cls(path)
            if earlier == "required":
                changed = _changed(known, config)
                allowed = "the inputs that the run was begun with"
                raise InputError(path / CONFIG, changed, "something else today", allowed)
            aside = _free_name(path)
            path.rename(aside)
            report(f"moved the earlier run in {path} to {aside}")
        path.mkdir(parents=True, exist_ok=True)
        write_yaml(path / CONFIG, config)
        known_as = inputs.machine.fingerprint
        fingerprint = take_fingerprint(known_as.hardware, known_as.driver)
        write_json(path / "fingerprint.json", fingerprint)
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """The run in ``path``; raises :class:`InputError` where there is none."""
        if not path.exists():
            raise InputError(path, "", "no such folder", "the folder of a run")
        cls.check(path, empty_is_fine=False)
        return cls(path)

    @classmethod
    def check_target(cls, path: Path) -> None:
        """Raise :class:`InputError` unless a run may be written to ``path``: a new or an empty
        folder, or one that holds a run."""
        if path.exists():
            cls.check(path, empty_is_fine=True)
        parent = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
        if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
            found = f"{parent}, which cannot be written"
            raise InputError(path, "--out", found, "a folder to write to")
        try:
            with tempfile.TemporaryFile(dir=parent):
                pass
        except OSError as error:
            found = f"{parent}: {error.strerror}"
            raise InputError(path, "--out", found, "a folder to write to") from None

    @staticmethod
    def check(path: Path, *, empty_is_fine: bool) -> None:
        """Raise :class:`InputError` unless ``path`` is the folder of a run."""
        if not path.is_dir():
            raise InputError(path, "", "a file", "the folder of a run")
        if (path / CONFIG).exists():
            check_schema(load_yaml(path / CONFIG, "run configuration"), path / CONFIG, 1)
        elif not empty_is_fine or any(path.iterdir()):
            raise InputError(path, "", f"a folder without {CONFIG}", "the folder of a run")

    @property
    def workload(self) -> Workload:
        """The workload that was run."""
        return parse(self.config("workload"), Workload, self.path / CONFIG)

    @property
    def machine(self) -> Machine:
        """The machine it was run on, or simulated for."""
        return machine_of(self.config("machine"), self.path / CONFIG)

    def config(self, key: str) -> Any:
        """What ``config.yaml`` says under ``key``. Raises :class:`InputError` for no such key."""
        config: Any = load_yaml(self.path / CONFIG, "run configuration")
        if key not in config:
            raise InputError(self.path / CONFIG, key, "nothing", "a value: this key is required")
        return config[key]

    def write(self, part: str, timeline: Timeline, summary: RunSummary) -> None:
        """Write one run of the schedule under ``part`` (``.`` for the run itself). It is on the
        disk when this returns."""
        folder = self.path / part
        timeline.write_csv(folder / "events.csv")
        write_summary(folder / "summary.json", summary)
        for name in ("events.csv", "summary.json"):
            sync_file(folder / name)

    def sync(self) -> None:
        """Wait until its inputs, and what was predicted, are on the disk: a run that goes on after
        a power cut begins with them."""
        for pattern in ("*.yaml", "*.json", "*/*.json", "*/events.csv"):
            for path in self.path.glob(pattern):
                sync_file(path)

    def read(self, part: str) -> tuple[Timeline, RunSummary] | None:
        """The timeline and summary under ``part``; None if that part has not been run."""
        folder = self.path / part
        if not (folder / "summary.json").exists():
            return None
        return Timeline.read_csv(folder / "events.csv"), read_summary(folder / "summary.json")

    def prediction(self, part: str) -> RunSummary | None:
        """What was predicted of the execution under ``part``."""
        path = self.path / _PREDICTED.get(part, part) / "summary.json"
        return read_summary(path) if part in _PREDICTED and path.exists() else None

    def check_executes(self) -> None:
        """Raise :class:`InputError` unless the command that began it executes."""
        command = str(self.config("command"))
        if command not in _EXECUTING:
            found = f"a run of `rmixer {command}`"
            raise InputError(self.path, "command", found, "a run that `execute` or `run` began")

    @property
    def begun(self) -> list[str]:
        """The parts under which an execution was begun, in the order in which a run has them."""
        return [part for part in _PREDICTED if self.has_begun(part)]

    def has_begun(self, part: str) -> bool:
        """Whether an execution was begun under ``part`` that can be gone on with."""
        return (self.path / part / JOURNAL).exists()

    def set_aside(self, part: str) -> Path | None:
        """Move what an execution left under ``part`` to a folder of its own, and return that; None
        where there is nothing."""
        place = self.path / part
        left = [place / name for name in EXECUTED if (place / name).exists()]
        if not left:
            return None
        aside = _free_name(place if part != "." else self.path / "execution")
        aside.mkdir()
        for path in left:
            path.rename(aside / path.name)
        return aside

    def is_done(self, stage: str) -> bool:
        """Whether ``stage`` was finished. Its inputs are those of the folder."""
        return stage in self._stages()

    def mark_done(self, stage: str) -> None:
        """Remember that ``stage`` is finished. A power cut later does not change that."""
        path = self.path / "stages.json"
        write_json(path, [*self._stages(), stage])
        sync_file(path)

    def _stages(self) -> list[str]:
        path = self.path / "stages.json"
        return parse(load_json(path, "list of stages"), list[str], path) if path.exists() else []


def _inputs_hash(config: Mapping[str, Any]) -> str:
    """Of the inputs of a run; the workload counts by its own hash."""
    return content_hash({name: value for name, value in config.items() if name != "workload"})


def _changed(known: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """The first key under which the inputs of two runs differ."""
    names = (name for name in config if name != "workload" and config[name] != known.get(name))
    name = next(names, "settings")
    here, there = config[name], known.get(name)
    if isinstance(here, dict) and isinstance(there, dict):
        inner = next((key for key in here if here[key] != there.get(key)), "")
        return f"{name}.{inner}" if inner else name
    return name


def _free_name(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.old-{number}")).exists():
        number += 1
    return aside
