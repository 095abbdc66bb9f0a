"""The training of a run: the quality of each job, and the place of its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from experiments.validation.deadlines import missed
from rmixer.display.quantities import ABSENT, seconds
from rmixer.display.tables import NumberTable
from rmixer.run_record.flow_times import flow_words
from rmixer.run_record.run_summary import JobSummary, RunSummary
from rmixer.workload.real_training import LrSchedule
from rmixer.workload.workload import Job, Workload

METRICS = {"auc": "AUC", "ndcg_10": "NDCG@10", "pauc": "PAUC", "hit_rate_10": "HR@10", "mrr": "MRR"}
"""The names of metrics; the first ones rank jobs. Higher is better for all of them."""
_SETTINGS = (
    "optimizer",
    "lr",
    "lr_schedule",
    "weight_decay",
    "betas",
    "momentum",
    "batch",
    "steps",
    "precision",
    "rows_cap",
    "data",
)


@dataclass(frozen=True)
class TrainedJob:
    """A job that was trained, or tried.

    ``rank`` is its place among the jobs of its model, from 1, by ``metric``, or by the loss if it
    has no metric; None if it has neither or did not end well. ``settings`` says what differs
    between the jobs of its model. ``time_s`` is from its start to its end.
    """

    summary: JobSummary
    rank: int | None
    metric: tuple[str, float] | None
    settings: str
    time_s: float
    samples_per_s: float


def trained_jobs(summary: RunSummary, workload: Workload) -> list[TrainedJob]:
    """The jobs of an execution by model, in order of the workload, the best of each model first,
    those without a rank last."""
    jobs = {job.id: job for job in workload.jobs}
    by_model: dict[str, list[JobSummary]] = {}
    for job in summary.jobs:
        by_model.setdefault(job.model, []).append(job)
    found: list[TrainedJob] = []
    for alike in by_model.values():
        settings = _differences([jobs[job.id] for job in alike if job.id in jobs])
        merits = _merits(alike)
        ranked = sorted(
            (job for job in alike if job.id in merits),
            key=lambda job: (-merits[job.id], job.loss or 0.0),
        )
        unranked = [job for job in alike if job.id not in merits]
        for place, job in enumerate([*ranked, *unranked], 1):
            rank = place if place <= len(ranked) else None
            found.append(_trained(job, rank, settings.get(job.id, "")))
    return found


def print_trained(console: Console, summary: RunSummary, workload: Workload, folder: Path) -> None:
    """Prints a row a job of the execution in ``folder``; below them completion times, the place of
    the weights, and the reasons of failures."""
    rows = trained_jobs(summary, workload)
    console.print(trained_table(summary, rows))
    console.print(flow_words(summary))
    for line in (*_below(rows, folder), *missed(summary, workload, predicted=False)):
        console.print(line, soft_wrap=True, markup=False)
    console.print()


def trained_table(summary: RunSummary, rows: Sequence[TrainedJob]) -> NumberTable:
    """A row a job of the execution ``summary``, a section a model."""
    title = (
        f"{summary.workload}: what was trained, in {seconds(summary.makespan_s)} "
        f"({summary.samples_per_s:,.0f} samples/s)"
    )
    with_settings = any(row.settings for row in rows)
    table = NumberTable(title).shortened("job").numbers("rank")
    table.folded(*(["settings"] if with_settings else []))
    table.numbers("loss", "metric", "samples/s", "time")
    model = rows[0].summary.model if rows else ""
    for row in rows:
        if row.summary.model != model:
            table.add_section()
            model = row.summary.model
        table.add_row(*_cells(row, with_settings), style="bold" if row.rank == 1 else None)
    return table


def _cells(row: TrainedJob, with_settings: bool) -> list[str]:
    job = row.summary
    metric = ABSENT
    if row.metric is not None:
        name, value = row.metric
        metric = f"{METRICS.get(name, name)} {value:.4f}"
    return [
        job.id,
        str(row.rank) if row.rank is not None else ABSENT,
        *([row.settings] if with_settings else []),
        f"{job.loss:.4f}" if job.loss is not None else ABSENT,
        metric,
        f"{row.samples_per_s:,.0f}" if job.state == "done" and job.samples else ABSENT,
        seconds(row.time_s) if job.state == "done" else job.state,
    ]


def _below(rows: Sequence[TrainedJob], folder: Path) -> list[str]:
    lines = []
    if any((folder / "models" / f"{row.summary.id}.pt").exists() for row in rows):
        lines.append(f"weights: {folder / 'models'}/<job>.pt")
    for row in rows:
        job = row.summary
        if job.state != "done":
            lines.append(f"{job.id} {job.state}{f': {job.error}' if job.error else ''}")
        elif job.stopped_early:
            lines.append(f"{job.id} stopped early, after {job.steps:,} steps")
        elif job.error:
            lines.append(f"{job.id}: {job.error}")
        elif job.quality and row.metric is None:
            what = ", ".join(METRICS.get(name, name) for name in job.quality)
            lines.append(f"{job.id}: {what} unknown: a score is NaN, or only one class is held out")
    return lines


def _trained(job: JobSummary, rank: int | None, settings: str) -> TrainedJob:
    time_s = job.end_s - job.start_s
    per_s = job.samples / time_s if time_s > 0 else 0.0
    return TrainedJob(job, rank, _metric(job), settings, time_s, per_s)


def _metric(job: JobSummary) -> tuple[str, float] | None:
    """The metric that ranks ``job``: a known one, or else its first."""
    names = [name for name in METRICS if name in job.quality] or list(job.quality)
    for name in names:
        if (value := job.quality[name]) is not None:
            return name, value
    return None


def _merits(alike: Sequence[JobSummary]) -> dict[str, float]:
    """A score for each of these jobs of one model, higher is better: the metric if one of them has
    any, else minus the loss. A job without that figure is left out."""
    done = [job for job in alike if job.state == "done"]
    metrics = {job.id: found[1] for job in done if (found := _metric(job)) is not None}
    if metrics or any(job.quality for job in done):
        return metrics
    return {job.id: -job.loss for job in done if job.loss is not None}


def _differences(jobs: Sequence[Job]) -> Mapping[str, str]:
    """By id, the settings in which these jobs of one model differ."""
    varied = [name for name in _SETTINGS if len({getattr(job, name) for job in jobs}) > 1]
    return {
        job.id: ", ".join(f"{name} {_word(getattr(job, name))}" for name in varied) for job in jobs
    }


def _word(value: object) -> str:
    """A setting in a few words."""
    if isinstance(value, LrSchedule):
        return f"{value.kind}, warm-up {value.warmup_steps}"
    return str(value)
