"""How the stages of a run are heard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from executor.supervision.observer import Observer
from experiments.stages.search_wish import Asked, SearchWish, unheard


class Bar(Protocol):
    """Makes the bar of a stage, which moves with each call (done, total), from its title and, where
    that is known, from about how long the stage takes."""

    def __call__(
        self, title: str, about_s: float | None = None
    ) -> AbstractContextManager[Callable[[int, int], None]]: ...


@dataclass(frozen=True)
class Voice:
    """How the stages are heard: lines, bars, somebody to watch an execution of so many jobs, and
    what is wished of a search that is asked for, as it is heard. ``confirm`` hears why a prediction
    is doubtful before it is executed, and raises what ends the run if it is not to be."""

    report: Callable[[str], None]
    bar: Bar
    watch: Callable[[str, int], AbstractContextManager[Observer]]
    searching: Callable[[Asked], AbstractContextManager[SearchWish | None]] = unheard
    confirm: Callable[[Sequence[str]], None] = lambda doubtful: None
