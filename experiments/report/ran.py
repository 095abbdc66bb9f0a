"""Tables of the course of a run: its executions, its devices, and its failures."""

from __future__ import annotations

from collections.abc import Sequence

from executor.overview.run_view import Failure
from experiments.report.page_table import (
    Cell,
    Column,
    PageTable,
    memory,
    moment,
    number,
    share,
    table,
    time,
    words,
)
from experiments.report.run_content import RunContent
from experiments.report.trained import LONGEST_REASON
from rmixer.display.printable import few, printable
from rmixer.display.quantities import seconds_range
from rmixer.imported.durations import NO_LIMIT_BYTES
from rmixer.run_record.run_summary import DeviceSummary, JobSummary, RunSummary

STATES = ("done", "failed", "cancelled", "interrupted", "queued")


def executions_table(content: RunContent) -> PageTable | None:
    """A row for each prediction and execution of the jobs; None if there is neither."""
    named = {
        "the schedule, predicted": content.predicted and content.predicted[1],
        "the schedule, measured": content.executed and content.executed[1],
        **content.others,
    }
    runs = {title: run for title, run in named.items() if run is not None}
    columns = [
        Column("run"),
        Column("policy"),
        Column("makespan", True, "from the first dispatch to the end of the last job"),
        Column("90% interval", False, "of the predicted makespan"),
        Column("samples/s", True, "samples trained ÷ makespan"),
        Column("completion, mean", True, "from the arrival of a job to its end"),
        Column("completion, p95", True, "95% of the jobs do not take longer"),
        Column("waiting, mean", True, "from the arrival of a job to its start"),
        Column("workers' start", True, "warming the workers, before the clock runs"),
        Column("interruptions", True, "how often it stopped before it went on"),
        Column("jobs"),
    ]
    rows = [
        (
            words(title),
            words(run.policy),
            time(run.makespan_s),
            words(seconds_range(run.makespan_interval_s) if run.makespan_interval_s else ""),
            number(run.samples_per_s or None),
            time(run.completion_mean_s),
            time(run.completion_p95_s),
            time(run.waiting_mean_s),
            time(run.startup_s or None),
            number(run.interruptions or None),
            words(counts_words(run.jobs, content.goes_on and run.run == "measured")),
        )
        for title, run in runs.items()
    ]
    return table("Predictions and executions", columns, rows) if rows else None


def counts_words(jobs: Sequence[JobSummary], goes_on: bool = False) -> str:
    """``4 done, 1 failed``; if the run goes on, interrupted jobs count as running."""
    counts = {state: sum(job.state == state for job in jobs) for state in STATES}
    words_of = {"interrupted": "running"} if goes_on else {}
    named = ((words_of.get(state, state), count) for state, count in counts.items())
    return ", ".join(f"{count} {state}" for state, count in named if count)


def devices_table(content: RunContent) -> PageTable | None:
    """A row for each device that was used: its busy share and its peak memory."""
    predicted = _devices(content.predicted and content.predicted[1])
    measured = _devices(content.executed and content.executed[1])
    room = {device.name: device.memory_bytes for device in content.machine.devices}
    columns = [
        Column("device"),
        Column("busy, predicted", True, "core-seconds ÷ (cores × makespan); of a GPU its own time"),
        Column("busy, measured", True, "core-seconds ÷ (cores × makespan); of a GPU its own time"),
        Column("peak, predicted", True, "the largest sum of its jobs' memory at one time"),
        Column("peak, measured", True, "the largest sum of its jobs' memory at one time"),
        Column("memory", True, "all that may be used"),
        Column("peak ÷ memory", True),
    ]
    rows = []
    for name in dict.fromkeys((*predicted, *measured)):
        thought, seen = predicted.get(name), measured.get(name)
        last = seen or thought
        whole_bytes = room.get(name)
        if whole_bytes is not None and whole_bytes >= NO_LIMIT_BYTES:
            whole_bytes = None
        rows.append(
            (
                words(name),
                share(thought.busy_fraction if thought else None),
                share(seen.busy_fraction if seen else None),
                memory(thought.peak_bytes if thought else None),
                memory(seen.peak_bytes if seen else None),
                memory(whole_bytes),
                share(last.peak_bytes / whole_bytes if last and whole_bytes else None),
            )
        )
    return table("Devices", columns, rows) if rows else None


def _devices(summary: RunSummary | None) -> dict[str, DeviceSummary]:
    return {device.name: device for device in summary.devices} if summary else {}


def slots_table(content: RunContent) -> PageTable | None:
    """A row for each job and its place."""
    if content.executed is None:
        return None
    columns = [
        Column("job"),
        Column("device"),
        Column("slot", True),
        Column("threads", True, shared=True),
        Column("arrives", True, "from the first dispatch"),
        Column("starts", True, "from the first dispatch"),
        Column("ends", True, "from the first dispatch"),
        Column("waited", True, "from its arrival to its start"),
        Column("peak memory", True),
        Column("attempts", True, shared=True),
        Column("stalls", True, "what steps over 10 × the median add up to"),
    ]
    rows = [
        (
            words(job.id),
            words(job.device),
            number(job.slot),
            number(job.threads),
            moment(job.arrival_s),
            time(job.start_s),
            time(job.end_s),
            time(job.waiting_s),
            memory(job.peak_bytes or None),
            number(job.attempt),
            time(job.stall_s or None),
        )
        for job in content.executed[1].jobs
        if job.started
    ]
    return table("Where jobs ran", columns, rows) if rows else None


def failures_table(content: RunContent) -> PageTable | None:
    """A row for each attempt that failed, and for each job that was cancelled or interrupted; None
    if there is none. Without a journal only the causes of attempts before the last are known."""
    if content.executed is None:
        return None
    rows: list[tuple[Cell, ...]] = []
    for job in content.executed[1].jobs:
        if content.failures is not None:
            failed = content.failures.get(job.id, ())
        else:
            last = len(job.causes)
            failed = tuple(
                Failure(number, cause, (job.error or "") if number == last else "")
                for number, cause in enumerate(job.causes, start=1)
            )
        ends_so = job.state == "failed"
        for each in failed:
            again = not (ends_so and each == failed[-1])
            rows.append(_failure(job, each.attempt, each.cause, each.reason, again))
        stopped = job.state in ("failed", "cancelled", "interrupted") and not content.goes_on
        if stopped and not (failed and ends_so):
            rows.append(_failure(job, job.attempt or None, "", job.error or "", None))
    columns = [
        Column("job"),
        Column("attempt", True),
        Column("cause"),
        Column("what came of it"),
        Column("reason", wide=True),
    ]
    return table("What went wrong", columns, rows) if rows else None


def _failure(
    job: JobSummary, attempt: int | None, cause: str, reason: str, again: bool | None
) -> tuple[Cell, ...]:
    outcome = "tried again" if again else job.state
    return (
        words(job.id),
        number(attempt),
        words(cause.replace("_", " ")),
        words(outcome, "" if again or job.state != "failed" else "bad"),
        words(printable(reason.strip().partition("\n")[0], LONGEST_REASON)),
    )


def ran_words(content: RunContent) -> list[str]:
    """Sentences about the execution, besides the tables."""
    if content.executed is None:
        return []
    run = content.executed[1]
    said = []
    if run.interruptions:
        times = "once" if run.interruptions == 1 else f"{run.interruptions} times"
        said.append(
            f"The run was interrupted {times} and went on. The time that it stood still does not "
            "count; work that was done twice does."
        )
    again = [job.id for job in run.jobs if job.attempt > 1]
    if again:
        said.append(f"Started more than once: {few(again, 8)}.")
    late = [job.id for job in run.jobs if job.late]
    if late:
        said.append(f"Added while the run went on, so no prediction knows them: {few(late, 8)}.")
    if run.shared_with:
        said.append(f"Other runs used the same cores: {', '.join(run.shared_with)}.")
    if all(job.state == "done" for job in run.jobs) and not failures_table(content):
        said.append("All jobs are done, and no attempt failed.")
    return said
