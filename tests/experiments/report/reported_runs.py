"""Run folders as the commands leave them, made up: for the page of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fake_runs import SWEEP, packed_run

from experiments.run_files.run_folder import MEASURED, PREDICTED, RunFolder, RunInputs
from experiments.run_files.sweep_file import SWEEP as SWEEP_FILE
from experiments.run_files.sweep_file import ranked
from rmixer.files.typed_files import write_json, write_text
from rmixer.run_record.metrics import COLUMNS, metrics_path
from rmixer.run_record.run_summary import JobSummary
from rmixer.testing.made_up import make_job, make_machine, make_workload

ODD = """<b>&"it's"</b>-0"""
"""A job's id that is all markup."""


def empty_run(path: Path, jobs: Sequence[str], command: str = "run") -> RunFolder:
    """A run of ``jobs`` that left nothing but its inputs."""
    made = [replace(make_job(job), model=job.rpartition("-")[0] or job) for job in jobs]
    workload = make_workload(*made)
    inputs = RunInputs(command, workload, make_machine(), {"policy": "dyType"})
    return RunFolder.create(path, inputs, report=lambda text: None)


def executed_run(
    path: Path,
    jobs: Sequence[str],
    changes: Mapping[str, Mapping[str, object]] | None = None,
    slots: int = 2,
) -> RunFolder:
    """The run of ``jobs``, predicted, and executed with a noise of 5%; ``changes`` are those of the
    summaries of some."""
    folder = empty_run(path, jobs)
    for part, run, noise in ((PREDICTED, "predicted", 0.0), (MEASURED, "measured", 0.05)):
        summary, timeline = packed_run(jobs, slots, run=run, noise=noise)
        if part == MEASURED:
            trained = [_trained(job, place) for place, job in enumerate(summary.jobs)]
            changed = [replace(job, **(changes or {}).get(job.id, {})) for job in trained]  # type: ignore[arg-type]
            summary = replace(summary, jobs=tuple(changed))
        folder.write(part, timeline, summary)
    return folder


def _trained(job: JobSummary, place: int) -> JobSummary:
    better = place / 1000
    return replace(job, first_loss=0.7, loss=0.5 - better, quality={"auc": 0.7 + better})


def add_metrics(folder: RunFolder, jobs: Sequence[str], rows: int = 100) -> None:
    """A training loss each 10 steps, and ten losses and AUCs on held-out data."""
    for place, job in enumerate(jobs):
        lines = [",".join(COLUMNS)]
        for row in range(1, rows + 1):
            step = 10 * row
            loss = 0.45 + 0.25 * math.exp(-step / 200) + 0.01 * math.sin(step + place)
            lines.append(f"{step},{step / 500},{step / 50},train,loss,{loss}")
            lines.append(f"{step},{step / 500},{step / 50},train,lr,{min(1.0, step / 200) * 1e-3}")
            if row % (rows // 10) == 0:
                lines.append(f"{step},,{step / 50},held_out,loss,{loss + 0.01}")
                lines.append(f"{step},,{step / 50},held_out,auc,{1.2 - loss}")
        write_text(metrics_path(folder.path, job), "\n".join(lines) + "\n")


def add_sweep(folder: RunFolder) -> None:
    """What a sweep tried."""
    write_json(folder.path / SWEEP_FILE, ranked(SWEEP))
