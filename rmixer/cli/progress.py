"""Shows a running execution: a page that is redrawn on a terminal, else a line for each event and
one a minute."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console
from rich.live import Live

from executor.overview.run_view import RunView
from executor.supervision.observer import Observer
from experiments.stages.voice import Voice
from rmixer.cli.bars import bar
from rmixer.cli.confirming import confirm
from rmixer.cli.console import notes, report
from rmixer.cli.run_table import live_page, progress_line
from rmixer.cli.searching import searching
from rmixer.scheduling.booking import Booking

DRAW_EVERY_S, LINE_EVERY_S = 1.0, 60.0
SHARE = 0.005
"""The share of the time that drawing may take: a page of many jobs is drawn less often."""


def voice(yes: bool = True) -> Voice:
    """The output of the pipeline on the command line; with ``yes`` it asks no questions."""

    def confirmed(doubtful: Sequence[str]) -> None:
        confirm(doubtful, yes)

    return Voice(report=report, bar=bar, watch=watch, searching=searching, confirm=confirmed)


@contextlib.contextmanager
def watch(title: str, jobs: int) -> Iterator[Observer]:
    """An observer that shows the execution of ``jobs`` jobs."""
    if not sys.stderr.isatty():
        yield _Watcher(title, jobs, notes())
        return
    with Live(console=notes(), auto_refresh=False, transient=True) as page:
        yield _Watcher(title, jobs, page.console, page)


class _Watcher(Observer):
    def __init__(self, title: str, jobs: int, console: Console, page: Live | None = None) -> None:
        self._title, self._jobs, self._done = title, jobs, 0
        self._console, self._page = console, page
        self._told: set[str] = set()
        self._view: Callable[[], RunView] | None = None
        self._next_s = time.monotonic() + (LINE_EVERY_S if page is None else 0.0)

    def begins(self, view: Callable[[], RunView]) -> None:
        self._view = view

    def ticked(self) -> None:
        begin_s = time.monotonic()
        if self._view is None or begin_s < self._next_s:
            return
        now_s = time.time()
        view = self._view().at(now_s, now_s)
        if self._page is None:
            self._say(f"  {progress_line(view)}")
            self._next_s = begin_s + LINE_EVERY_S
        else:
            self._page.update(live_page(view, f"executing {self._title}"), refresh=True)
            took_s = time.monotonic() - begin_s
            self._next_s = begin_s + max(DRAW_EVERY_S, took_s / SHARE)

    def warming(self, workers: int) -> None:
        self._say(f"executing {self._title}: warming {workers} worker(s)")

    def told(self, text: str) -> None:
        self._say(f"  {text}")

    def restored(self, done: int, jobs: int) -> None:
        self._done, self._jobs = done, jobs
        self._say(f"going on with the run: {done} of {jobs} job(s) are done")

    def added(self, jobs: Sequence[str]) -> None:
        self._jobs += len(jobs)
        self._say(f"  added {', '.join(jobs)}")

    def started(self, booking: Booking, steps: int) -> None:
        place = f"{booking.devices[0]} slot {booking.slot}, {len(booking.cores)} thread(s)"
        self._say(f"  {booking.job} started on {place}")

    def not_finite(self, job: str, text: str, on_nan: str) -> None:
        if on_nan == "go_on":  # if it stops, the line of its end says why
            self._say(f"  warning: {job}: {text}; it goes on (on_nan: go_on)")

    def failed(self, job: str, traceback: str) -> None:
        if traceback not in self._told:  # copies of a job fail alike
            self._told.add(traceback)
            self._say(f"  {job} raised\n{traceback.rstrip()}")

    def retried(self, job: str, error: str, pause_s: float) -> None:
        self._say(f"  {job} failed: {error}; it is tried again in {pause_s:.0f} s")

    def stopping(self, jobs: int) -> None:
        self._say(
            f"  ending: {jobs} job(s) finish their step and write a checkpoint "
            "(Ctrl-C again ends at once)"
        )

    def ended(self, job: str, state: str, error: str | None) -> None:
        self._done += state == "done"
        why = f": {error}" if error else ""
        self._say(f"  {job} {state}{why} ({self._done} of {self._jobs} done)")

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False)
