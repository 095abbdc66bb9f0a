"""The output of the stages of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from executor.supervision.observer import Observer
from experiments.stages.search_wish import Asked, SearchWish, unheard


class Bar(Protocol):
    """Makes the bar of a stage, which moves with each call (done, total), from its title and, if
    known, the expected duration of the stage."""

    def __call__(
        self, title: str, about_s: float | None = None
    ) -> AbstractContextManager[Callable[[int, int], None]]: ...


@dataclass(frozen=True)
class Voice:
    """The output of the stages: lines, bars, an observer of an execution of so many jobs, and the
    settings of a search with its progress. ``confirm`` gets the reasons why a prediction is
    doubtful before it is executed, and raises an error to end the run."""

    report: Callable[[str], None]
    bar: Bar
    watch: Callable[[str, int], AbstractContextManager[Observer]]
    searching: Callable[[Asked], AbstractContextManager[SearchWish | None]] = unheard
    confirm: Callable[[Sequence[str]], None] = lambda doubtful: None
