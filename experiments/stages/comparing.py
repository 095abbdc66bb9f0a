"""Compares prediction and measurement of a run folder: ``compare.json``, and a trace of both."""

from __future__ import annotations

import contextlib

from experiments.run_files.chrome_trace import write_trace
from experiments.run_files.run_folder import MEASURED, PREDICTED, RunFolder
from experiments.validation.compare import all_completed, compare
from experiments.validation.compared_runs import Runs, runs_in
from experiments.validation.comparison import Comparison
from experiments.validation.verdict import Goals
from profiles.stored.machine_noise import Executions
from profiles.stored.store import Store
from rmixer.errors import InputError
from rmixer.files.typed_files import write_json


def validate_run(folder: RunFolder, goals: Goals | None = None) -> Comparison:
    """Compares the runs in ``folder`` and writes ``compare.json`` and ``trace.json``; raises
    :class:`InputError` unless it holds a schedule predicted and executed."""
    measured, predicted = folder.read(MEASURED), folder.read(PREDICTED)
    if measured is None or measured[1].run != "measured" or predicted is None:
        found = "a run that was not executed" if measured else "no summary.json of a run"
        allowed = "a run with a prediction and an execution (`rmixer run` or `rmixer execute`)"
        raise InputError(folder.path, "", found, allowed)
    runs = runs_in(folder, measured[1], predicted[1])
    comparison = compare(runs, goals)
    _keep_noise(folder, runs)
    write_json(folder.path / "compare.json", comparison)
    write_trace(folder.path / "trace.json", {"predicted": predicted[0], "measured": measured[0]})
    return comparison


def _keep_noise(folder: RunFolder, runs: Runs) -> None:
    """Stores the difference between two executions, for predictions of this machine. Executions
    with other programs on their cores, or with repeated work after an interruption, are left out.
    """
    repeat = runs.repeat
    if repeat is None or runs.shared_with or not all(map(all_completed, runs.executions)):
        return
    if any(run.interruptions or any(job.late for job in run.jobs) for run in runs.executions):
        return
    measured = runs.measured
    pair = (measured.makespan_s, repeat.makespan_s)
    with contextlib.suppress(OSError):  # a home that cannot be written costs no comparison
        executions = Executions(measured.workload, measured.policy, pair)
        Store().keep_noise(folder.machine, executions)
