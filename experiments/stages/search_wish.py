"""The settings of a search, its progress messages, and its result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from rmixer.errors import InputError
from rmixer.scheduling.layout import Cut, Layout
from rmixer.scheduling.schedule import Schedule
from rmixer.scheduling.wanted_slots import Wanted
from rmixer.workload.workload import Workload
from sim.planning.objective import Objective, check_objective

SEARCH = "search"
"""The policy name of a schedule found by a search."""


@dataclass(frozen=True)
class SearchProgress:
    """The progress of a search: the figure of its best schedule by the objective and rough step
    times, its distance from the bound (None if that is 0), and the number of schedules
    evaluated."""

    best_s: float
    gap: float | None
    evaluations: int
    elapsed_s: float


@dataclass(frozen=True)
class Asked:
    """A user's settings of a search: its ``seconds`` (0: no search) or its ``evaluations``, the
    objective, and whether it may change the ``batch`` of jobs."""

    seconds: float = 0.0
    evaluations: int | None = None
    objective: Objective = "makespan"
    batch: bool = False

    @property
    def any(self) -> bool:
        """True if it should search at all."""
        return self.seconds > 0 or self.evaluations is not None

    def check(self, workload: Workload, *, timed: bool = False) -> None:
        """Raises :class:`InputError` for an objective that ``workload`` has no figures for, and for
        a search of batches without a search or with jobs ``timed`` by a table."""
        check_objective(self.objective, workload.jobs)
        if self.batch and not self.any:
            allowed = "with `--search SECONDS` or `--evaluations N`"
            raise InputError("--search-batch", "", "no search", allowed)
        if self.batch and timed:
            allowed = "not with --durations: jobs last as long as the table says"
            raise InputError("--search-batch", "", "a table of durations", allowed)

    def settings(self, default: Asked) -> dict[str, object]:
        """The entry in ``config.yaml``; empty for the ``default``."""
        if self == default:
            return {}
        asked = {name: value for name, value in vars(self).items() if name != "batch"}
        return {"search": asked | ({"batch": True} if self.batch else {})}


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
    ``tried``, best first, each on its layout, and the bound of the objective."""

    cuts: Sequence[Cut]
    wanted: Wanted
    tried: Sequence[tuple[str, Layout]]
    bound_s: float
    objective: Objective = "makespan"
