"""The settings of a search, its progress messages, and its result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from rmixer.scheduling.layout import Cut, Layout
from rmixer.scheduling.schedule import Schedule
from rmixer.scheduling.wanted_slots import Wanted
from sim.planning.objective import Objective

SEARCH = "search"
"""The policy name of a schedule found by a search."""


@dataclass(frozen=True)
class SearchProgress:
    """The progress of a search: the makespan of its best schedule by rough step times, its distance
    from the bound, and the number of schedules evaluated."""

    best_s: float
    gap: float
    evaluations: int
    elapsed_s: float


@dataclass(frozen=True)
class Asked:
    """A user's settings of a search: its ``seconds`` (0: no search) or its ``evaluations``, and the
    objective."""

    seconds: float = 0.0
    evaluations: int | None = None
    objective: Objective = "makespan"

    @property
    def any(self) -> bool:
        """True if it should search at all."""
        return self.seconds > 0 or self.evaluations is not None

    def settings(self, default: Asked) -> dict[str, object]:
        """The entry in ``config.yaml``; empty for the ``default``."""
        return {} if self == default else {"search": vars(self)}


@dataclass(frozen=True)
class SearchWish:
    """The length of a search: ``seconds``, or ``evaluations`` if given, over ``processes`` (None:
    one a core). It calls ``told`` with its progress."""

    seconds: float = 15.0
    evaluations: int | None = None
    processes: int | None = None
    told: Callable[[SearchProgress], None] = lambda progress: None


def unheard(asked: Asked) -> AbstractContextManager[SearchWish | None]:
    """The settings of a search without a listener; None for no search."""
    return nullcontext(SearchWish(asked.seconds, asked.evaluations) if asked.any else None)


@dataclass(frozen=True)
class Searched:
    """The best schedule that was found: ``makespan_s`` by the step times that confirmed it; true in
    ``interrupted`` if a user stopped the search."""

    schedule: Schedule
    evaluations: int
    elapsed_s: float
    interrupted: bool


@dataclass(frozen=True)
class Setting:
    """The start of a search: the cuts of the sweep, those that were ``wanted``, the policies
    ``tried``, best first, each on its layout, and a makespan that none can beat."""

    cuts: Sequence[Cut]
    wanted: Wanted
    tried: Sequence[tuple[str, Layout]]
    bound_s: float
    objective: Objective = "makespan"
