"""The folder of a run: its files, the stages done, and protection of existing results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
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
from rmixer.files.writable import check_out
from rmixer.hardware.fingerprint import take_fingerprint
from rmixer.hardware.machine import Machine, check_schema, machine_of
from rmixer.run_record.run_summary import RunSummary, read_summary
from rmixer.run_record.timeline import Timeline
from rmixer.scheduling.schedule import read_schedule
from rmixer.workload.rebatching import with_batch
from rmixer.workload.workload import Workload

SCHEMA_VERSION = 1
CONFIG = "config.yaml"
MEASURED, PREDICTED, REPEAT = ".", "predicted", "repeat"
SEQUENTIAL, SEQUENTIAL_PREDICTED = "sequential", "sequential_predicted"
"""The places of each execution and prediction in a run folder."""
_PREDICTED = {MEASURED: PREDICTED, SEQUENTIAL: SEQUENTIAL_PREDICTED, REPEAT: PREDICTED}
_EXECUTING = ("run", "execute")
SCHEDULE = "schedule.json"
"""The schedule that a run executes, made beforehand."""
JOURNAL = "journal.sqlite"
_FILES = ("events.csv", "summary.json", "executed_schedule.json")
_FOLDERS = ("checkpoints", "steps", "metrics", "models", "workers", "failures", "logs", "programs")
EXECUTED = (JOURNAL, f"{JOURNAL}-wal", f"{JOURNAL}-shm", *_FILES, *_FOLDERS)
"""The files and folders that an execution leaves."""

Earlier = Literal["reuse", "aside", "required"]


@dataclass(frozen=True)
class RunInputs:
    """Everything that decides a run: the ``command``, its inputs, and its ``settings``."""

    command: str
    workload: Workload
    machine: Machine
    settings: Mapping[str, object]

    @property
    def config(self) -> dict[str, Any]:
        """The inputs in the form of ``config.yaml``."""
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

    def __fspath__(self) -> str:
        return str(self.path)

    __repr__ = __fspath__

    @classmethod
    def create(
        cls,
        path: Path,
        inputs: RunInputs,
        report: Callable[[str], None],
        *,
        earlier: Earlier = "reuse",
    ) -> RunFolder:
        """Opens ``path`` for a run with ``inputs``.

        An earlier run with the same inputs there is continued (``reuse``), or moved aside like any
        other (``aside``), never overwritten; with ``required`` it must be there. Raises
        :class:`InputError` if ``path`` is something else or cannot be written.
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
        """The run in ``path``; raises :class:`InputError` if there is none."""
        if not path.exists():
            raise InputError(path, "", "no such folder", "the folder of a run")
        cls.check(path, empty_is_fine=False)
        return cls(path)

    @classmethod
    def check_target(cls, path: Path) -> None:
        """Raises :class:`InputError` unless a run may be written to ``path``: a new or an empty
        folder, or one that holds a run."""
        if path.exists():
            cls.check(path, empty_is_fine=True)
        check_out(path, path)

    @staticmethod
    def check(path: Path, *, empty_is_fine: bool) -> None:
        """Raises :class:`InputError` unless ``path`` is the folder of a run."""
        if not path.is_dir():
            raise InputError(path, "", "a file", "the folder of a run")
        if (path / CONFIG).exists():
            check_schema(load_yaml(path / CONFIG, "run configuration"), path / CONFIG, 1)
        elif not empty_is_fine or any(path.iterdir()):
            raise InputError(path, "", f"a folder without {CONFIG}", "the folder of a run")

    @property
    def workload(self) -> Workload:
        """The workload that is run: as it was asked for, but at the batches of the schedule."""
        path = self.path / SCHEDULE
        batches = read_schedule(path).batches if path.exists() else {}
        asked = self.asked
        jobs = (with_batch(job, batches.get(job.id, job.batch)) for job in asked.jobs)
        return replace(asked, jobs=tuple(jobs)) if batches else asked

    @property
    def asked(self) -> Workload:
        """The workload that the run was asked for."""
        return parse(self.config("workload"), Workload, self.path / CONFIG)

    @property
    def machine(self) -> Machine:
        """The machine it was run on, or simulated for."""
        return machine_of(self.config("machine"), self.path / CONFIG)

    def config(self, key: str) -> Any:
        """The value of ``key`` in ``config.yaml``. Raises :class:`InputError` for a missing key."""
        config: Any = load_yaml(self.path / CONFIG, "run configuration")
        if key not in config:
            raise InputError(self.path / CONFIG, key, "nothing", "a value: this key is required")
        return config[key]

    def write(self, part: str, timeline: Timeline, summary: RunSummary) -> None:
        """Writes one run of the schedule under ``part`` (``.`` for the run itself). It is on the
        disk when this returns."""
        folder = self.path / part
        timeline.write_csv(folder / "events.csv")
        write_json(folder / "summary.json", summary)
        for name in ("events.csv", "summary.json"):
            sync_file(folder / name)

    def sync(self) -> None:
        """Waits until its inputs and its prediction are on the disk: a run that is resumed after a
        power cut begins with them."""
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
        """The prediction of the execution under ``part``."""
        path = self.path / _PREDICTED.get(part, part) / "summary.json"
        return read_summary(path) if part in _PREDICTED and path.exists() else None

    def check_executes(self) -> None:
        """Raises :class:`InputError` unless the command that began it executes."""
        command = str(self.config("command"))
        if command not in _EXECUTING:
            found = f"a run of `rmixer {command}`"
            raise InputError(self.path, "command", found, "a run that `execute` or `run` began")

    @property
    def begun(self) -> list[str]:
        """The parts with an execution that was begun, in the order of a run."""
        return [part for part in _PREDICTED if self.has_begun(part)]

    def has_begun(self, part: str) -> bool:
        """True if an execution was begun under ``part`` that can be resumed."""
        return (self.path / part / JOURNAL).exists()

    def set_aside(self, part: str) -> Path | None:
        """Moves the files of an execution under ``part`` to another folder, and returns that; None
        if there are none."""
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
        """True if ``stage`` was finished, with the inputs of the folder."""
        return stage in self._stages()

    def mark_done(self, stage: str) -> None:
        """Records that ``stage`` is finished, safe against a power cut."""
        path = self.path / "stages.json"
        write_json(path, [*self._stages(), stage])
        sync_file(path)

    def _stages(self) -> list[str]:
        path = self.path / "stages.json"
        return parse(load_json(path, "list of stages"), list[str], path) if path.exists() else []


def _inputs_hash(config: Mapping[str, Any]) -> str:
    """A hash of the inputs of a run; the workload counts by its own hash."""
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
