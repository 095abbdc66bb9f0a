"""The content of a run folder, read once for its page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from executor.overview.run_view import Failure, RunState
from executor.overview.so_far import so_far
from experiments.figures.run_figures import models_of
from experiments.run_files.run_folder import (
    CONFIG,
    JOURNAL,
    MEASURED,
    PREDICTED,
    REPEAT,
    SEQUENTIAL,
    SEQUENTIAL_PREDICTED,
    RunFolder,
)
from experiments.run_files.sweep_file import SweepRow, read_rows
from experiments.validation.compare import compare
from experiments.validation.compared_runs import runs_in
from experiments.validation.comparison import Comparison, read_comparison
from rmixer.errors import InputError
from rmixer.files.typed_files import load_json, load_yaml, parse
from rmixer.hardware.fingerprint import Fingerprint
from rmixer.hardware.machine import Machine, machine_of
from rmixer.run_record.metrics import MetricFiles
from rmixer.run_record.run_summary import RunSummary
from rmixer.run_record.timeline import Timeline
from rmixer.scheduling.problem import Problem
from rmixer.workload.workload import Workload

Found = TypeVar("Found")
Record = tuple[Timeline, RunSummary]


@dataclass(frozen=True)
class RunContent:
    """The content of a run. ``predicted`` and ``executed`` are the records of its schedule (None:
    there is none); ``others`` are the summaries of further executions and predictions by title.
    ``state`` and the ``failures`` come from its journal, if it has one. ``traces`` are the
    ends of the traces of failed jobs; ``notes`` list unreadable parts."""

    path: Path
    command: str
    workload: Workload
    workload_hash: str
    machine: Machine
    settings: dict[str, Any]
    fingerprint: Fingerprint | None
    predicted: Record | None
    executed: Record | None
    state: RunState | None
    failures: Mapping[str, tuple[Failure, ...]] | None
    others: dict[str, RunSummary]
    comparison: Comparison | None
    sweep: tuple[SweepRow, ...]
    metrics: MetricFiles
    traces: dict[str, str]
    notes: tuple[str, ...]

    @property
    def summary(self) -> RunSummary | None:
        """The summary of the execution, or else of the prediction."""
        record = self.executed or self.predicted
        return record[1] if record else None

    @property
    def goes_on(self) -> bool:
        """True if it is being executed, as far as can be seen from here."""
        return self.state in ("running", "elsewhere")

    @property
    def models(self) -> dict[str, str]:
        """The model of each job, with jobs added during the run."""
        records = [record[1] for record in (self.predicted, self.executed) if record]
        return models_of(self.workload, records)


OTHERS = {
    SEQUENTIAL_PREDICTED: "one job at a time, predicted",
    SEQUENTIAL: "one job at a time, measured",
    REPEAT: "the schedule again, measured",
}
LONGEST_TRACE = 3000
_NEWER = ("running", "stopped", "elsewhere")
"""States in which a summary may be older than the run's last opening."""


def read_content(folder: RunFolder) -> RunContent:
    """Reads ``folder``. Raises :class:`InputError` for a damaged file; if only a part of the page
    needs the file, that becomes a note."""
    notes: list[str] = []
    config: Any = load_yaml(folder.path / CONFIG, "run configuration")
    workload = parse(config.get("workload"), Workload, folder.path / CONFIG)
    machine = machine_of(config.get("machine"), folder.path / CONFIG)
    main, apart = folder.read(MEASURED), folder.read(PREDICTED)
    simulated = main is not None and main[1].run != "measured"
    predicted = main if simulated else apart
    executed = None if simulated else main
    problem, place = Problem(workload, machine, ()), folder.path
    journal = _or_note(lambda: so_far(place, problem), place / JOURNAL, notes)
    if journal is not None and (executed is None or journal.state in _NEWER):
        executed = journal.record or executed
    jobs = [job.id for job in (executed[1].jobs if executed else ())]
    taken = place / "fingerprint.json"
    return RunContent(
        path=folder.path,
        command=str(config.get("command", "")),
        workload=workload,
        workload_hash=str(config.get("workload_hash", "")),
        machine=machine,
        settings=dict(config.get("settings") or {}),
        fingerprint=_or_note(
            lambda: parse(load_json(taken, "fingerprint"), Fingerprint, taken), taken, notes
        ),
        predicted=predicted,
        executed=executed,
        state=journal.state if journal else None,
        failures=journal.failures if journal else None,
        others={title: run[1] for part, title in OTHERS.items() if (run := folder.read(part))},
        comparison=_or_note(
            lambda: _comparison(folder, executed, predicted),
            place,
            notes,
            "predicted and measured cannot be compared: ",
        ),
        sweep=tuple(read_rows(folder.path)),
        metrics=MetricFiles(folder.path, jobs),
        traces=_traces(folder.path / "failures", jobs),
        notes=tuple(notes),
    )


def _or_note(
    read: Callable[[], Found], path: Path, notes: list[str], about: str = ""
) -> Found | None:
    """Returns the result of ``read``; None if ``path`` does not exist, and with a note if it is
    damaged."""
    try:
        return read() if path.exists() else None
    except InputError as error:
        notes.append(f"{about}{error}")
        return None


def _comparison(
    folder: RunFolder, executed: Record | None, predicted: Record | None
) -> Comparison | None:
    """The comparison of the records that are there, so that it is never of an earlier run. If the
    folder has no prediction, the stored comparison."""
    if executed is None:
        return None
    if predicted is not None:
        return compare(runs_in(folder, executed[1], predicted[1]))
    path = folder.path / "compare.json"
    return read_comparison(path) if path.exists() else None


def _traces(folder: Path, jobs: Iterable[str]) -> dict[str, str]:
    """The ends of the traces of jobs that failed."""
    found = {}
    for job in jobs:
        path = folder / f"{job}.txt"
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace").strip()
            found[job] = text if len(text) <= LONGEST_TRACE else f"…{text[-LONGEST_TRACE:]}"
    return found
