"""The options of a search, and its bar."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rmixer.cli.bars import progress_bars
from rmixer.cli.numbers import FiniteRange

if TYPE_CHECKING:  # with all stages
    from experiments.stages.search_wish import Asked, SearchProgress, SearchWish

Command = TypeVar("Command", bound=Callable[..., Any])
MOST_SECONDS = 86_400.0
OBJECTIVES = ("makespan", "completion", "weighted_completion", "tardiness")
"""As :mod:`sim.planning.objective` has them, which takes long to import."""


def search_options(default_s: float) -> Callable[[Command], Command]:
    """``--search``, ``--evaluations``, ``--objective`` and ``--search-batch``."""

    def add(command: Command) -> Command:
        for option in (
            click.option(
                "--search-batch",
                is_flag=True,
                help="Let the search change the batch of jobs, to other profiled sizes, with the "
                "same number of samples. Off by default, because a job learns differently then.",
            ),
            click.option(
                "--objective",
                type=click.Choice(list(OBJECTIVES)),
                default="makespan",
                help="The value to make small: makespan (default), mean completion, mean "
                "completion weighted by `weight`, or tardiness (time after `deadline_s`).",
            ),
            click.option(
                "--evaluations",
                type=click.IntRange(min=1),
                help="Search until about so many schedules are evaluated, instead of by time. "
                "The result is then the same each time.",
            ),
            click.option(
                "--search",
                "search_s",
                metavar="SECONDS",
                type=FiniteRange(min=0, max=MOST_SECONDS),
                default=default_s,
                help=f"Seconds of search for a better schedule (0: none). Default: {default_s:g}.",
            ),
        ):
            command = option(command)
        return command

    return add


@contextlib.contextmanager
def searching(asked: Asked) -> Iterator[SearchWish | None]:
    """The settings of a search, with a bar that shows its progress; None for no search."""
    from experiments.stages.search_wish import SearchWish

    if not asked.any:
        yield None
        return
    total = asked.evaluations or asked.seconds
    bars = progress_bars("{task.fields[found]}")
    task = bars.add_task("search", total=total, found="", about_s=None, done_s=0.0)

    def told(progress: SearchProgress) -> None:
        bars.start()  # not before: the sweep has a bar of its own
        done = progress.elapsed_s if asked.evaluations is None else progress.evaluations
        a_second = progress.evaluations / max(progress.elapsed_s, 1e-9)
        gap = "" if progress.gap is None else f"gap {progress.gap:.1%}, "
        found = f"best {progress.best_s:.2f} s, {gap}{a_second:,.0f}/s"
        bars.update(task, completed=min(done, total), found=found, done_s=progress.elapsed_s)

    try:
        yield SearchWish(asked.seconds, asked.evaluations, told=told)
    finally:
        bars.stop()
