"""Shows a run to its reader, during and after it: a few lines and a table."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from rich.console import Group, RenderableType
from rich.text import Text

from executor.overview.run_view import JobView, RunView
from rmixer.display.printable import few
from rmixer.display.quantities import ABSENT, figures, seconds, size
from rmixer.display.tables import NumberTable

STATES = ("done", "running", "queued", "waiting", "interrupted", "failed", "cancelled")
_WORDS = {"waiting": "waiting to be tried again"}
MOST_NAMED, MOST_FAILURES = 8, 6
_HOW = {
    "running": "running",
    "stopped": "stopped: its process was killed",
    "elsewhere": "on another machine: its progress cannot be seen from here",
    "interrupted": "interrupted",
    "failed": "failed",
    "done": "ended",
}


def run_page(view: RunView, folder: str) -> RenderableType:
    """The whole page about the run in ``folder``."""
    parts: list[RenderableType] = [Text(line) for line in (_headline(view), progress_line(view))]
    if view.running:
        parts.append(running_table(view))
    parts += [Text(line) for line in (*_names(view), *failure_lines(view.jobs))]
    if view.state in ("stopped", "interrupted", "failed"):
        parts.append(Text(f"this goes on with it: rmixer execute --resume {folder}"))
    return Group(*parts)


def live_page(view: RunView, title: str) -> RenderableType:
    """The page while the run goes on in this process: its news were printed as they came."""
    lines = (f"{title}: {_counts(view)}", "; ".join(_end_words(view)))
    return Group(*map(Text, lines), running_table(view, free=True))


def progress_line(view: RunView) -> str:
    """``3 of 24 done, 2 running, 19 queued; ends at about 14:32:10 (in 12:05 min); ...``."""
    return "; ".join([_counts(view), *(_end_words(view) if view.state == "running" else ())])


def running_table(view: RunView, *, free: bool = False) -> NumberTable:
    """A table with a row for each job that runs; with ``free`` also for each empty slot."""
    table = NumberTable().words("device").numbers("slot").shortened("job", 24).words("phase")
    table.numbers("steps", "steps/s", "loss", "memory", "checkpoint", "ends in")
    there = {(job.device, job.slot): job for job in view.running}
    places = [(device, slot) for device, slots in view.slots.items() for slot in range(slots)]
    for place in places if free else sorted(there):
        job = there.get(place)
        table.add_row(place[0], str(place[1]), *(_cells(job) if job is not None else ("free",)))
    return table


def failure_lines(jobs: Iterable[JobView]) -> list[str]:
    """A line for each job whose last attempt failed."""
    lines = [
        f"{job.id}: attempt {failure.attempt} failed ({failure.cause}): {failure.reason}"
        for job in jobs
        for failure in job.failures
    ]
    left = len(lines) - MOST_FAILURES
    return [*lines[-MOST_FAILURES:], f"and {left} more"] if left > 0 else lines


def _headline(view: RunView) -> str:
    since = "" if view.began_s is None else f", begun {_clock(view.began_s, view.looked_s)}"
    process = f", process {view.pid} on {view.host}" if view.state == "running" else ""
    stops = f", interrupted {view.interruptions} time(s)" if view.interruptions else ""
    warming = view.state == "running" and not view.warm
    how = "its workers start" if warming else _HOW[view.state]
    so_far = f"; {seconds(view.at_s)} so far"
    return f"{view.workload} by {view.policy}: {how}{since}{stops}{process}{so_far}"


def _counts(view: RunView) -> str:
    words = dict(_WORDS)
    if view.state == "stopped":
        words["running"] = "running when it stopped"
    said = [f"{view.counts['done']} of {len(view.jobs)} done"]
    for state in STATES[1:]:
        if number := view.counts[state]:
            said.append(f"{number} {words.get(state, state)}")
    silent = [job.id for job in view.running if job.silent]
    return ", ".join(said) + (f"; no step yet: {few(silent, MOST_NAMED)}" if silent else "")


def _end_words(view: RunView) -> list[str]:
    words = ["its end is not known"]
    if view.ends_in_s is not None:
        end = _clock((view.looked_s or 0.0) + view.ends_in_s, view.looked_s)
        words = [f"ends at about {end} (in {seconds(view.ends_in_s)})"]
    if view.predicted_s is not None:
        end = _clock((view.looked_s or 0.0) + view.predicted_s - view.at_s, view.looked_s)
        words.append(f"predicted when it began: {end}")
    return words


def _clock(at_s: float, now_s: float | None) -> str:
    """``14:32:10``; with the date if it is another day."""
    moment, now = datetime.fromtimestamp(at_s), datetime.fromtimestamp(now_s or at_s)
    return moment.strftime("%H:%M:%S" if moment.date() == now.date() else "%Y-%m-%d %H:%M:%S")


def _cells(job: JobView) -> tuple[str, ...]:
    checkpoint = ABSENT
    if job.checkpoint_age_s is not None:
        checkpoint = f"{seconds(job.checkpoint_age_s)} ago"
    return (
        job.id,
        job.phase,
        f"{job.made} / {'?' if job.steps is None else job.steps}",
        figures(job.steps_per_s),
        ABSENT if job.loss is None else f"{job.loss:.4g}",
        size(job.promised_bytes),
        checkpoint,
        ABSENT if job.ends_in_s is None else seconds(job.ends_in_s),
    )


def _names(view: RunView) -> list[str]:
    lines = []
    for state in STATES:
        names = [f"{job.id}{_added(job)}" for job in view.jobs if job.state == state]
        if names and state not in ("running", "done"):
            lines.append(f"{_WORDS.get(state, state)}: {few(names, MOST_NAMED)}")
    return lines


def _added(job: JobView) -> str:
    return " (added)" if job.late else ""
