"""Tables of a run's training: every job, and the best of each model."""

from __future__ import annotations

from itertools import groupby

from experiments.report.page_table import (
    Cell,
    Column,
    PageTable,
    memory,
    moment,
    number,
    table,
    time,
    words,
)
from experiments.report.run_content import RunContent
from experiments.tables.trained_table import METRICS, TrainedJob, trained_jobs
from rmixer.display.printable import printable
from rmixer.run_record.run_summary import JobSummary
from rmixer.workload.workload import Job

LONGEST_REASON = 300
_MOODS = {"done": "good", "failed": "bad"}


def ranked_jobs(content: RunContent) -> list[TrainedJob]:
    """The jobs of the execution, grouped by model with the best first; none if it was not
    executed."""
    if content.executed is None:
        return []
    return trained_jobs(content.executed[1], content.workload)


def jobs_table(content: RunContent) -> PageTable:
    """A row a job: its settings and its result."""
    jobs = {job.id: job for job in content.workload.jobs}
    trained = ranked_jobs(content)
    if not trained:
        return _planned_table(content)
    named = dict.fromkeys(name for row in trained for name in row.summary.quality)
    # Those that rank jobs come first.
    names = [*(name for name in METRICS if name in named), *(n for n in named if n not in METRICS)]
    columns = [
        Column("job"),
        Column("model"),
        Column("state"),
        Column("rank", True, "among the jobs of its model, by the metric, else by the loss"),
        Column("held-out loss", True, "on data that was held out, after the last step"),
        *(Column(METRICS.get(name, name), True, "on data that was held out") for name in names),
        Column("first loss", True, "of the first training step"),
        Column("steps", True, "training steps made"),
        Column("samples/s", True),
        Column("time", True, "from its start to its end"),
        *_ASKED,
        Column("differs in", False, "settings that differ between jobs of one model"),
        Column("reason", False, "why it is not done, or what was odd", wide=True),
    ]
    rows = [
        (
            words(row.summary.id),
            words(row.summary.model),
            words(_state(content, row.summary), _MOODS.get(row.summary.state, "")),
            number(row.rank),
            number(row.summary.loss, _four),
            *(number(row.summary.quality.get(name), _four) for name in names),
            number(row.summary.first_loss, _four),
            Cell(
                steps_words(row.summary.steps, jobs.get(row.summary.id)),
                float(row.summary.steps),
            ),
            number(row.samples_per_s if row.summary.samples else None),
            time(row.time_s if row.summary.started else None),
            *_asked(jobs.get(row.summary.id)),
            words(row.settings),
            words(reason(row.summary, jobs.get(row.summary.id))),
        )
        for row in trained
    ]
    return table("Jobs", columns, rows)


def best_table(content: RunContent) -> PageTable | None:
    """A row for each model with several ranked jobs: its best and its worst; None if there is
    none."""
    rows = []
    for model, group in groupby(ranked_jobs(content), key=lambda row: row.summary.model):
        ranked = [row for row in group if row.rank is not None]
        if len(ranked) > 1:
            by = METRICS.get(ranked[0].metric[0], ranked[0].metric[0]) if ranked[0].metric else ""
            rows.append(
                (
                    words(model),
                    words(by or "held-out loss"),
                    words(ranked[0].summary.id),
                    number(merit(ranked[0]), _four),
                    words(ranked[0].settings),
                    words(ranked[-1].summary.id),
                    number(merit(ranked[-1]), _four),
                    number(len(ranked)),
                )
            )
    columns = [
        Column("model"),
        Column("ranked by"),
        Column("best job"),
        Column("its figure", True),
        Column("its settings"),
        Column("last job"),
        Column("figure of that", True),
        Column("jobs ranked", True),
    ]
    return table("The best job of each model", columns, rows) if rows else None


def merit(row: TrainedJob) -> float | None:
    """The figure that ranks a job."""
    return row.metric[1] if row.metric is not None else row.summary.loss


def steps_words(made: int, job: Job | None) -> str:
    """``250``, or ``120 of 250`` if some are missing."""
    if job is None or job.steps == made or job.steps_from != "said":
        return f"{made:,}"
    return f"{made:,} of {job.steps:,}"


def reason(job: JobSummary, asked: Job | None) -> str:
    """The reason in a line why a job is not done, or a remark on one that is. For one that stopped
    early it uses ``asked``."""
    if job.stopped_early:
        stop = asked.stop if asked is not None else None
        why = f": no better {stop.metric} for {stop.patience} evaluations" if stop else ""
        return f"stopped early{why}"
    text = printable((job.error or "").strip().partition("\n")[0], LONGEST_REASON)
    if not text and job.quality and all(value is None for value in job.quality.values()):
        text = "its metrics are unknown: a score is NaN, or only one class is held out"
    return text


def _state(content: RunContent, job: JobSummary) -> str:
    running = job.state == "interrupted" and content.goes_on
    return f"{'running' if running else job.state}{' (added later)' if job.late else ''}"


_ASKED = (
    Column("optimizer", shared=True),
    Column("learning rate", True, shared=True),
    Column("batch", True, shared=True),
    Column("precision", shared=True),
    Column("data", shared=True),
    Column("also", False, "what else the workload says of its training", shared=True),
)


def _asked(job: Job | None) -> tuple[Cell, ...]:
    """The workload's settings of ``job``; empty for one that was added later."""
    if job is None:
        return tuple(words("") for _ in _ASKED)
    if job.command is not None or job.profile or job.durations:  # its optimizer nobody knows
        return words(""), words(""), number(job.batch or None), words(""), words(""), words("")
    return (
        words(job.optimizer),
        number(job.lr, "{:g}".format),
        number(job.batch or None),
        words(job.precision),
        words(job.data),
        words(also_words(job)),
    )


def also_words(job: Job) -> str:
    """``weight_decay 0.01, cosine rate after 50 steps of warm-up``: further settings."""
    said = [f"{name} {value}" for name, value in job.given_settings.items()]
    if job.lr_schedule is not None:
        warm = job.lr_schedule.warmup_steps
        said.append(f"{job.lr_schedule.kind} rate{f' after {warm} steps of warm-up' * bool(warm)}")
    if job.stop is not None:
        said.append(f"stops at {job.stop.metric}")
    return ", ".join(said)


def _planned_table(content: RunContent) -> PageTable:
    """The jobs of a run that was not executed: their settings and predicted times."""
    summary = content.summary
    planned = {job.id: job for job in summary.jobs} if summary else {}
    columns = [
        Column("job"),
        Column("model"),
        Column("steps", True),
        *_ASKED,
        Column("device"),
        Column("arrives", True),
        Column("starts", True, "predicted, from the first dispatch"),
        Column("ends", True, "predicted, from the first dispatch"),
        Column("memory", True, "predicted peak"),
    ]
    rows = []
    for job in content.workload.jobs:
        line = planned.get(job.id)
        there = line is not None and line.started
        rows.append(
            (
                words(job.id),
                words(job.label),
                number(job.steps),
                *_asked(job),
                words(line.device if line else ""),
                moment(job.arrival_s),
                time(line.start_s if line and there else None),
                time(line.end_s if line and there else None),
                memory(line.peak_bytes or None if line else None),
            )
        )
    return table("Jobs", columns, rows)


def _four(value: float) -> str:
    return f"{value:.4f}"
