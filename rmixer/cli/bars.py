"""Progress bars of stages; they show nothing without a terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta

from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from rmixer.cli.console import notes


@contextlib.contextmanager
def bar(title: str, about_s: float | None = None) -> Iterator[Callable[[int, int], None]]:
    """A bar that moves with each call (done, total). With ``about_s``, the expected duration, it
    shows the time left from the start."""
    with progress_bars("{task.completed:.0f}/{task.total}") as bars:
        task = bars.add_task(escape(title), total=None, about_s=about_s, done_s=0.0)

        def move(done: int, total: int) -> None:
            done_s = bars.tasks[0].elapsed or 0.0
            bars.update(task, completed=done, total=total, done_s=done_s)

        yield move


class _TimeLeft(ProgressColumn):
    """The time left, also for few long units; the elapsed time if it is unknown."""

    max_refresh = 0.0

    def render(self, task: Task) -> Text:
        about_s, elapsed_s = task.fields["about_s"], task.elapsed or 0.0
        if not task.total or not (task.completed or about_s):
            return Text(f"{_clock(elapsed_s)} so far", style="progress.remaining")
        left_s = time_left_s(
            about_s or 0.0, task.completed, task.total, task.fields["done_s"], elapsed_s
        )
        # Past what was expected nothing is known, least of all that it will be over at once.
        words = "left" if left_s >= 0 or task.completed >= task.total else "longer than expected"
        return Text(f"{_clock(abs(left_s))} {words}", style="progress.remaining")


def time_left_s(
    about_s: float, done: float, total: float, done_s: float, elapsed_s: float
) -> float:
    """Estimates the time left from the units that are ``done``, the last of them ``done_s`` after
    the start; before the first, from the expected duration. Below 0 once it takes longer; 0 at the
    end."""
    if done >= total:
        return 0.0
    each_s = done_s / done if done else about_s / total
    return (total - done) * each_s - (elapsed_s - done_s)


def _clock(value_s: float) -> str:
    return str(timedelta(seconds=round(value_s)))


def progress_bars(state: str) -> Progress:
    """Bars with a title, the text ``state`` and the time left."""
    return Progress(
        TextColumn("{task.description:<28}"),
        BarColumn(bar_width=30),
        TextColumn(state),
        _TimeLeft(),
        console=notes(),
        disable=not sys.stderr.isatty(),
        transient=True,
    )
