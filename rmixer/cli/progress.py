"""Progress on a terminal: a bar for a stage, a bar for each running job. Where there is no
terminal, only a line for each event."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rich.progress import Progress, TaskID

from executor.supervision.observer import Observer
from experiments.stages.pipeline import Voice
from rmixer.cli.bars import bar, progress_bars
from rmixer.cli.console import report
from rmixer.scheduling.cluster import Booking


def voice() -> Voice:
    """How the pipeline is heard on the command line."""
    return Voice(report=report, bar=bar, watch=watch)


@contextlib.contextmanager
def watch(title: str, jobs: int) -> Iterator[Observer]:
    """Somebody who shows the execution of so many jobs."""
    with progress_bars("{task.completed:>6.0f}/{task.total:.0f} {task.fields[phase]:<9}") as bars:
        yield _Watcher(title, jobs, bars)


class _Watcher(Observer):
    def __init__(self, title: str, jobs: int, bars: Progress) -> None:
        self._title, self._jobs, self._done, self._bars = title, jobs, 0, bars
        self._tasks: dict[str, TaskID] = {}
        self._told: set[str] = set()

    def warming(self, workers: int) -> None:
        self._say(f"executing {self._title}: warming {workers} worker(s)")

    def told(self, text: str) -> None:
        self._say(f"  {text}")

    def restored(self, done: int, jobs: int) -> None:
        self._done = done
        self._say(f"going on with an interrupted run: {done} of {jobs} job(s) are done")

    def started(self, booking: Booking, steps: int) -> None:
        place = f"{booking.devices[0]} slot {booking.slot}, {len(booking.cores)} thread(s)"
        self._say(f"  {booking.job} started on {place}")
        self._tasks[booking.job] = self._bars.add_task(booking.job, total=steps, phase="build")

    def phase(self, job: str, phase: str) -> None:
        self._bars.update(self._tasks[job], phase=phase)

    def progress(self, job: str, steps: int) -> None:
        self._bars.update(self._tasks[job], completed=steps)

    def not_finite(self, job: str, text: str, on_nan: str) -> None:
        if on_nan == "go_on":  # if it stops, the line of its end says why
            self._say(f"  warning: {job}: {text}; it goes on (on_nan: go_on)")

    def failed(self, job: str, traceback: str) -> None:
        if traceback not in self._told:  # copies of a job fail alike
            self._told.add(traceback)
            self._say(f"  {job} raised\n{traceback.rstrip()}")

    def retried(self, job: str, error: str, pause_s: float) -> None:
        self._bars.remove_task(self._tasks.pop(job))
        self._say(f"  {job} failed: {error}; it is tried again in {pause_s:.0f} s")

    def stopping(self, jobs: int) -> None:
        self._say(
            f"  ending: {jobs} job(s) finish their step and write a checkpoint "
            "(Ctrl-C again ends at once)"
        )

    def ended(self, job: str, state: str, error: str | None) -> None:
        self._done += state == "done"
        self._bars.remove_task(self._tasks[job])
        why = f": {error}" if error else ""
        self._say(f"  {job} {state}{why} ({self._done} of {self._jobs} done)")

    def _say(self, text: str) -> None:
        self._bars.console.print(text, markup=False)
